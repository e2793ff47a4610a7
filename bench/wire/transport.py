"""Roundhouse's transport: framed connections on the event loop, both sides, frames as large as the message."""

from __future__ import annotations

import socket
from collections.abc import Callable

from bench.wire.echo import LARGE_BYTES, Way
from bench.wire.serving import tell_address
from rpc.errors import TrainerError
from rpc.loop import READ, Loop
from rpc.sockets import listen
from rpc.tls import Tls
from rpc.transport import Connection

_HEADER_BYTES = 4
# A frame must begin like a strict binary message: these bytes stand for its header.
_HEAD = b"\x80\x01\x00\x01" + bytes(12)
_MOST = LARGE_BYTES + len(_HEAD)


def connect(port: str) -> Way:
    return way_over(socket.create_connection(("127.0.0.1", int(port))))


def way_over(sock: socket.socket, tls: Tls | None = None) -> Way:
    """The calling side."""
    loop = Loop()
    answers: list[memoryview] = []
    connection = _connection(loop, sock, answers.append, tls)

    def echo(message: memoryview) -> memoryview:
        connection.send([_framed(len(_HEAD) + len(message)) + _HEAD, message])
        while not answers:
            loop._turn()  # the caller waits in turns of its own, as a blocking client does
        return answers.pop()[len(_HEAD) :]

    return Way(echo)


def _framed(size: int) -> bytes:
    return size.to_bytes(_HEADER_BYTES, "big")


def _connection(loop: Loop, sock: socket.socket, on_frame: Callable[[memoryview], None], tls: Tls | None) -> Connection:
    def fail(reason: TrainerError) -> None:
        raise reason

    return Connection(loop, sock, on_frame=on_frame, on_closed=fail, max_frame_bytes=_MOST, tls=tls)


def main() -> None:
    listener = listen("127.0.0.1", 0)
    tell_address(listener.getsockname()[1])
    answer(listener)


def answer(listener: socket.socket, tls: Tls | None = None) -> None:
    """The other side: send back whatever comes on any connection."""
    loop = Loop()
    connections: list[Connection] = []

    def accept(_events: int) -> None:
        sock, _ = listener.accept()
        connection = _connection(loop, sock, lambda frame: connection.send([_framed(len(frame)), frame]), tls)
        connections.append(connection)

    loop.register(listener, READ, accept)
    loop.run()


if __name__ == "__main__":
    main()
