"""The floor: a length and bytes over a TCP socket, into buffers that are used again."""

from __future__ import annotations

import socket
from struct import Struct

import numpy as np

from bench.wire.echo import LARGE_BYTES, Way
from bench.wire.serving import tell_address

_LENGTH = Struct("!I")


def connect(port: str) -> Way:
    sock = socket.create_connection(("127.0.0.1", int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return way_over(sock)


def way_over(sock: socket.socket) -> Way:
    """The calling side."""
    room = new_room()

    def echo(message: memoryview) -> memoryview:
        send(sock, message)
        return receive(sock, room)

    return Way(echo)


def new_room() -> memoryview:
    """A buffer for the largest message."""
    return np.zeros(LARGE_BYTES, np.uint8).data


def send(sock: socket.socket, message: memoryview) -> None:
    header = _LENGTH.pack(len(message))
    sent = sock.sendmsg([header, message]) - len(header)
    if sent < len(message):
        sock.sendall(message[sent:])


def receive(sock: socket.socket, room: memoryview) -> memoryview:
    """The next message, in `room`; raises ConnectionError when the other side has gone."""
    size = _LENGTH.unpack(_fill(sock, room[: _LENGTH.size]))[0]
    return _fill(sock, room[:size])


def _fill(sock: socket.socket, room: memoryview) -> memoryview:
    have = 0
    while have < len(room):
        count = sock.recv_into(room[have:], 0, socket.MSG_WAITALL)
        if not count:
            raise ConnectionError("closed by the other side")
        have += count
    return room


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    tell_address(listener.getsockname()[1])
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answer(sock)


def answer(sock: socket.socket) -> None:
    """The other side: send back whatever comes."""
    room = new_room()
    while True:
        send(sock, receive(sock, room))


if __name__ == "__main__":
    main()
