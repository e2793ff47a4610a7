"""Three honest callers in a process of their own: `python -m tests.system.honest KIND PORT [AUTHORITY TOKEN HOST]`.

They are told by lines to go on and to pause, and end with their standard input. Each call is told as a line: when it
began (of `time.monotonic`) and how many seconds it took; the first one of a connection with all that belongs to that.
"""

from __future__ import annotations

import http.client
import select
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from rpc.client import Client
from rpc.messages import PROTOCOL_VERSION, Hello
from rpc.services import COMPUTE_NODE, COORDINATOR

_ROOT = Path(__file__).resolve().parents[2]
_GO, _PAUSE = "go\n", "pause\n"
_EVERY_S = 0.01
_AT_ONCE = 3
_CALLS_OF_A_CONNECTION = 5  # so that those who come new are measured, too
_TIMEOUT_S = 30.0

Call = Callable[[], None]


class Honest:
    """A context manager. `words` are those of the command line.

    Attributes:
        took: (when, how long) of each call, in seconds.
    """

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-u", "-m", "tests.system.honest", *words]
        self.took: list[tuple[float, float]] = []
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join()
        status = self._process.wait(_TIMEOUT_S)
        assert kind is not None or status == 0, "an honest call failed"

    def calls(self, calls: bool) -> None:
        """Have it call from now on, or pause."""
        assert self._process.stdin is not None
        self._process.stdin.write(_GO if calls else _PAUSE)

    def since(self, began: float) -> list[float]:
        """How long each call took that began after this time."""
        return [took for at, took in self.took if at >= began]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                at, took = line.split()
                self.took.append((float(at), float(took)))


def main(kind: str, port: str, authority: str = "", token: str = "", host: str = "127.0.0.1") -> None:
    """Call until standard input ends; inside TLS where there is an authority."""
    tls = ssl.create_default_context(cafile=authority) if authority else None
    connect = _web(host, int(port)) if kind == "web" else _thrift(kind, (host, int(port)), tls, token)
    while sys.stdin.readline() == _GO:
        over = threading.Event()
        with ThreadPoolExecutor(_AT_ONCE) as callers:
            ends = [callers.submit(_call, connect, over) for _ in range(_AT_ONCE)]
            select.select([sys.stdin], [], [])
            over.set()
            for end in ends:
                end.result()
        sys.stdin.readline()  # to pause


def _call(connect: Callable[[], tuple[Call, Call]], over: threading.Event) -> None:
    while not over.is_set():
        call, close = connect()
        for _ in range(_CALLS_OF_A_CONNECTION):
            began = time.monotonic()
            call()
            sys.stdout.write(f"{began} {time.monotonic() - began}\n")
            if over.wait(_EVERY_S):
                break
        close()


def _thrift(
    kind: str, address: tuple[str, int], tls: ssl.SSLContext | None, token: str
) -> Callable[[], tuple[Call, Call]]:
    service, name, args, role = {
        "coordinator": (COORDINATOR, "glance", (5,), "client"),
        "node": (COMPUTE_NODE, "status", (), "coordinator"),
    }[kind]
    hello = Hello(PROTOCOL_VERSION, role, token=token, coordinator="honest", epoch=1, connection="control")

    def connect() -> tuple[Call, Call]:
        client = Client(*address, service, timeout_s=_TIMEOUT_S, what="server", tls=tls)
        greetings = [hello]

        def call() -> None:
            if greetings:
                client.hello(greetings.pop())
            client.call(name, *args)

        return call, client.close

    return connect


def _web(host: str, port: int) -> Callable[[], tuple[Call, Call]]:
    def connect() -> tuple[Call, Call]:
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)

        def call() -> None:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"status":"healthy"}')

        return call, connection.close

    return connect


if __name__ == "__main__":
    main(*sys.argv[1:])
