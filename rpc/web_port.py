"""Where the web is served: what was said about it, or else the usual port, or a free one if that is taken."""

from __future__ import annotations

import argparse
import os
import socket

from rpc.argument_types import port
from rpc.errors import BadRequest
from rpc.sockets import listen, listen_if_free

VARIABLE = "ROUNDHOUSE_HTTP_PORT"
USUAL = 5000
OFF = -1  # it is not to be served


def web_port(text: str) -> int:
    """Return the port of an argument, or OFF."""
    return OFF if text == "off" else port(text)


def said_port(argument: int | None) -> int | None:
    """Return what was said: the argument, or else the environment; None if neither.

    Raises:
        BadRequest: the environment holds no port.
    """
    text = os.environ.get(VARIABLE)
    if argument is not None or not text:
        return argument
    try:
        return web_port(text)
    except argparse.ArgumentTypeError as error:
        raise BadRequest(f"{VARIABLE} {error}") from error


def listen_for_web(host: str, said: int | None) -> socket.socket:
    """Return a socket that listens where it was said, or else on the usual port, if that is free.

    Raises:
        PortInUse: somebody serves where it was said.
        BadRequest: this machine has no such address.
    """
    return listen_if_free(host, USUAL) if said is None else listen(host, said)


def url_of(listening: socket.socket, *, is_secured: bool = False) -> str:
    """Return where to look for what is served there, inside TLS or not."""
    host, number, *_ = listening.getsockname()
    scheme = "https" if is_secured else "http"
    return f"{scheme}://[{host}]:{number}" if ":" in host else f"{scheme}://{host}:{number}"
