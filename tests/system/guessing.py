"""Tokens guessed from another machine: `unshare --net python -m tests.system.guessing FOLDER`.

The network is this program's own, and has two addresses: the server's, and that of who guesses.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rpc.codec import decode_reply, encode_call
from rpc.errors import TrainerError
from rpc.messages import PROTOCOL_VERSION, Hello
from rpc.services import COORDINATOR
from rpc.tokens import make_token
from tests.system.besieged import Besieged
from tests.system.cluster import Program
from tests.system.honest import Honest

HERE, THERE = "10.77.0.1", "10.77.0.2"
_AT_ONCE = 100
MOST_CHECKED = 5 + 3  # of one address: five, and one more each 12 s
SILENT = 200
_MOST_SILENT = 8
_TIMEOUT_S = 10.0


def main(folder: str) -> None:
    """Print what was answered; fails where a guesser is heard more than now and then."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (HERE, THERE):
        subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "lo"], check=True)
    token = Path(folder, "token")
    coordinator = Program(
        *("coordinator.py", "0", "--host", HERE, "--http-host", HERE, "--http-port", "0", "--insecure-i-know"),
        *("--require-tokens", "--data-dir", str(Path(folder, "kept")), "--token-file", str(token)),
    ).serve()
    try:
        web = next(line for _ in range(4) if (line := coordinator.next_line()).startswith("web: "))
        web_port = int(web.rpartition(":")[2].rstrip("/"))
        _check(coordinator, web_port, token.read_text().strip())
    finally:
        assert coordinator.stop() == 0
    assert [line for line in coordinator.stderr if "Traceback" in line] == []


def _check(coordinator: Program, web_port: int, token: str) -> None:
    guesses: dict[str, tuple[str, Callable[[], str]]] = {
        "Thrift": ("coordinator", lambda: _by_thrift(coordinator.port)),
        "HTTP": ("web", lambda: _by_http(web_port)),
        "the login": ("web", lambda: _by_login(web_port)),
    }
    for name, (kind, guess) in guesses.items():
        words = (
            ("coordinator", str(coordinator.port), "", token)
            if kind == "coordinator"
            else ("web", str(web_port), "", "")
        )
        told: Counter[str] = Counter()
        with Honest(*words, HERE) as honest, Besieged(f"tokens guessed by {name}", coordinator, honest) as siege:
            for _ in siege.rounds():
                told += Counter(guess() for _ in range(_AT_ONCE))
            siege.said = f"; answered {dict(told)}"
        assert told["unauthenticated"] + told["401"] <= MOST_CHECKED, told
        assert set(told) <= {"unauthenticated", "401", "too_many", "429"}, told
    with ExitStack() as stack:
        peers = [stack.enter_context(_dial(coordinator.port)) for _ in range(SILENT)]
        assert sum(map(_is_open, peers)) <= _MOST_SILENT


def _dial(port: int) -> socket.socket:
    return socket.create_connection((HERE, port), _TIMEOUT_S, (THERE, 0))


def _is_open(peer: socket.socket) -> bool:
    peer.settimeout(0.05)
    try:
        return bool(peer.recv(1))
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def _by_thrift(port: int) -> str:
    method = COORDINATOR.methods["hello"]
    with _dial(port) as sock:
        hello = Hello(PROTOCOL_VERSION, "client", token=make_token().text)
        sock.sendall(b"".join(map(bytes, encode_call(method, 1, (hello,)))))
        heard = b""
        while piece := sock.recv(1 << 16):
            heard += piece
    try:
        decode_reply(method, 1, memoryview(heard)[4:])
    except TrainerError as error:
        return error.code
    return "let in"


def _by_http(port: int) -> str:
    return _asked(port, "GET", "/api/v1/jobs", {"Authorization": f"Bearer {make_token().text}"})


def _by_login(port: int) -> str:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return _asked(port, "POST", "/login", kind, f"token={make_token().text}")


def _asked(port: int, method: str, path: str, headers: dict[str, str], body: str | None = None) -> str:
    connection = http.client.HTTPConnection(HERE, port, _TIMEOUT_S, (THERE, 0))
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status != 429 or answer.headers["Retry-After"], path
        return str(answer.status)
    finally:
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
