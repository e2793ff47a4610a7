"""Peers that keep a server waiting, two hundred at a time: silent ones, and those that send a byte a second."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.system.targets import Target

MANY = 200
_BYTE_EVERY_S = 1.0

Begin = Callable[[Target], tuple[socket.socket, bytes]]  # returns a connection, and what is sent of it byte by byte


def silent(target: Target) -> tuple[socket.socket, bytes]:
    """It says nothing at all."""
    return target.dial(), b""


def dripping(target: Target) -> tuple[socket.socket, bytes]:
    """It says hello, a byte a second; inside TLS where there is TLS."""
    return target.connect(), target.hello


def stopping_in_the_handshake(target: Target) -> tuple[socket.socket, bytes]:
    """It begins with TLS, and leaves the server's answer without one."""
    sock = target.dial()
    sock.sendall(target.client_hello())
    return sock, b""


def stopping_in_the_first_message(target: Target) -> tuple[socket.socket, bytes]:
    """It says the first bytes of TLS, and others a byte a second."""
    sock, hello = target.dial(), target.client_hello()
    sock.sendall(hello[:6])
    return sock, hello[6:]


@contextmanager
def lazy(target: Target, *begins: Begin, many: int = MANY) -> Iterator[None]:
    """So many of each kind, until the end of the block."""
    over = threading.Event()
    with ExitStack() as stack:
        peers: list[tuple[socket.socket, bytes]] = []
        for begin in begins:
            for _ in range(many):
                sock, rest = begin(target)
                stack.enter_context(sock)
                peers.append((sock, rest))

        def drip() -> None:
            at = 0
            while not over.wait(_BYTE_EVERY_S):
                for sock, rest in peers:
                    with suppress(OSError):  # it is closed already
                        sock.sendall(rest[at : at + 1])
                at += 1

        dripper = threading.Thread(target=drip)
        dripper.start()
        stack.callback(dripper.join)
        stack.callback(over.set)
        yield
