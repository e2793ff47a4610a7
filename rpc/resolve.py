"""Host names to addresses without holding the loop up."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address
from threading import Thread

from rpc.loop import Loop

Address = tuple[socket.AddressFamily, tuple[str, int] | str]  # host and port, or the path of a Unix socket


def resolve(loop: Loop, host: str, port: int, on_done: Callable[[list[Address] | OSError], None]) -> None:
    """Call `on_done` on the loop's thread with the addresses of a host, or with why there are none.

    A name is looked up in a thread of its own: there is no look-up with a time limit.
    """

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            failure = error
            loop.post(lambda: on_done(failure))
            return
        addresses: list[Address] = [
            (socket.AddressFamily(family), (str(address[0]), port)) for family, _, _, _, address in found
        ]
        loop.post(lambda: on_done(addresses))

    try:
        version = ip_address(host).version
    except ValueError:
        Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        return
    address: Address = (socket.AF_INET if version == 4 else socket.AF_INET6, (host, port))
    loop.post(lambda: on_done([address]))
