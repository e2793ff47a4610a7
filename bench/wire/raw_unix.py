"""The floor between processes of one host: a length and bytes over a Unix socket."""

from __future__ import annotations

import socket
import tempfile

from bench.wire.echo import Way
from bench.wire.raw_socket import answer, way_over
from bench.wire.serving import tell_address

_BUFFER_BYTES = 1 << 20  # as the transport has: the usual 208 KiB are slower


def connect(path: str) -> Way:
    return way_over(local_connection(path))


def local_connection(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    sock.connect(path)
    return sock


def local_listener() -> socket.socket:
    """A listening Unix socket in the folder for temporary files."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{tempfile.gettempdir()}/socket")
    listener.listen()
    return listener


def main() -> None:
    listener = local_listener()
    tell_address(listener.getsockname())
    sock, _ = listener.accept()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    answer(sock)


if __name__ == "__main__":
    main()
