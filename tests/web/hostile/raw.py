"""HTTP without a library, which would not send what is wrong: bytes out, answers in."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

_TIMEOUT_S = 20.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_KIND = re.compile(rb"\r\ncontent-type: ([^\r\n]*)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: ", re.IGNORECASE)

JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Attributes: kind, what Content-Type says."""

    status: int
    kind: str
    head: bytes
    body: bytes


def request(
    method: str = "GET", target: bytes = b"/health", headers: bytes = b"", body: bytes = b"", *, ends: bool = True
) -> bytes:
    """A request with Host; `ends`: the last one of its connection."""
    close = b"Connection: close\r\n" if ends else b""
    return b"%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n%s" % (method.encode(), target, close, headers, body)


def sized(body: bytes) -> bytes:
    """The header that says how long a body is."""
    return b"Content-Length: %d\r\n" % len(body)


def say(port: int, data: bytes, *, expected: int = 0, hang_up_after_s: float = 0.0) -> list[Answer]:
    """Say all of it and return the answers, once the other side has closed the connection.

    Args:
        expected: leave when so many answers are here.
        hang_up_after_s: say that nothing more comes, if nothing has happened for so long.
    """
    with socket.create_connection(("127.0.0.1", port), hang_up_after_s or _TIMEOUT_S) as connection:
        heard = bytearray()
        try:
            connection.sendall(data)
            while piece := _next(connection, bool(hang_up_after_s)):
                heard += piece
                if expected and len(answers_in(bytes(heard))[0]) == expected:
                    break
        except ConnectionError:
            pass  # it hung up on what it had not read
    answers, rest = answers_in(bytes(heard))
    assert not rest, rest[:200]
    return answers


def _next(connection: socket.socket, hangs_up: bool) -> bytes:
    try:
        return connection.recv(1 << 16)
    except TimeoutError:
        if not hangs_up:
            raise
    connection.settimeout(_TIMEOUT_S)
    connection.shutdown(socket.SHUT_WR)
    return connection.recv(1 << 16)


def answers_in(heard: bytes) -> tuple[list[Answer], bytes]:
    """All whole answers, one after the other, but those that tell to go on; and what is left.

    An answer whose length is not said has no body, or is the last one.
    """
    answers = []
    while heard:
        status, (head, end, rest) = _STATUS.match(heard), heard.partition(b"\r\n\r\n")
        if not (status and end):
            break
        head += b"\r\n"
        length, kind = _LENGTH.search(head), _KIND.search(head)
        size = int(length[1]) if length else len(rest) if _CHUNKED.search(head) else 0
        if len(rest) < size:
            break
        if int(status[1]) != 100:
            answers.append(Answer(int(status[1]), kind[1].decode() if kind else "", head, rest[:size]))
        heard = rest[size:]
    return answers, heard


def answers_to(port: int, targets: list[bytes]) -> list[Answer]:
    """The answers to GET of each of these, asked at once on one connection."""
    last = len(targets) - 1
    return say(port, b"".join(request(target=each, ends=number == last) for number, each in enumerate(targets)))


def is_problem(answer: Answer) -> bool:
    """Whether it says that the request is wrong, as problem details."""
    return 400 <= answer.status < 500 and answer.kind == "application/problem+json" and b'"code":"' in answer.body
