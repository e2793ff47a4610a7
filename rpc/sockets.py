"""Sockets as every part of this package wants them."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rpc.errors import BadRequest, PortInUse

BACKLOG = 1024
_LOCAL_BUFFER_BYTES = 1 << 20  # of a Unix socket: with the usual 208 KiB large messages take half as long again
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 30_000))


def listen(host: str, port: int) -> socket.socket:
    """A non-blocking listening socket; port 0 picks a free one.

    Raises:
        PortInUse: somebody serves there.
        BadRequest: this machine has no such address, or the port needs other rights.
    """
    sock = bind(host, port)
    start_listening(sock, host)
    return sock


def bind(host: str, port: int) -> socket.socket:
    """As `listen`, but whoever calls is refused until `start_listening`."""
    with _told(host, port):
        return _bind(host, port)


def start_listening(sock: socket.socket, host: str) -> None:
    """Let callers in. Raises PortInUse, and closes `sock`, where another program that was bound as well came first."""
    with _told(host, sock.getsockname()[1]):
        try:
            sock.listen(BACKLOG)
        except OSError:
            sock.close()
            raise


def listen_if_free(host: str, port: int) -> socket.socket:
    """As `listen`, but on any free port where somebody serves on this one."""
    try:
        return listen(host, port)
    except PortInUse:
        return listen(host, 0)


@contextmanager
def _told(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host, port) from error
        raise BadRequest(f"cannot serve on {host}:{port}: {error.strerror or error}") from error


def _bind(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, proto, _, address = found[0]
    sock = socket.socket(family, kind, proto)
    try:
        if sys.platform != "win32":  # there it lets two programs serve one port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def tune(sock: socket.socket) -> None:
    """Non-blocking, without Nagle's delay, and a dead peer noticed within 30 s where the platform can."""
    sock.setblocking(False)
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LOCAL_BUFFER_BYTES)
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def peer_name(sock: socket.socket) -> str:
    """host:port of the other side."""
    try:
        name = sock.getpeername()
    except OSError:  # gone already; the first read will say so
        return "a lost peer"
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "a local peer"


def has_left(sock: socket.socket) -> bool:
    """Whether the other side of a new connection has closed it without a word: a cheap look spares all the rest."""
    sock.setblocking(False)
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
