"""The first call of a connection: do both sides speak one protocol, and how large may frames be."""

from __future__ import annotations

from rpc.errors import Refused
from rpc.messages import MAX_FRAME_BYTES, PROTOCOL_VERSION, SMALL_FRAME_BYTES, Hello, HelloReply


def check_hello(hello: Hello) -> None:
    """Raise Refused if the caller speaks another protocol."""
    if hello.protocol != PROTOCOL_VERSION:
        raise Refused(
            f"the caller ({hello.role or 'unnamed'} {hello.version or 'of unknown version'}) speaks protocol "
            f"{hello.protocol}, this side {PROTOCOL_VERSION}; install the same version on both"
        )


def check_hello_reply(reply: HelloReply, address: str) -> None:
    """Raise Refused if the side that was called speaks another protocol."""
    if reply.protocol != PROTOCOL_VERSION:
        raise Refused(
            f"{address} ({reply.name or 'unnamed'} {reply.version or 'of unknown version'}) speaks protocol "
            f"{reply.protocol}, this side {PROTOCOL_VERSION}; install the same version on both"
        )


def frame_limit(hello: Hello | None) -> int:
    """Bytes that a frame on the connection may have: small before hello and on control connections."""
    return MAX_FRAME_BYTES if hello is not None and hello.connection != "control" else SMALL_FRAME_BYTES
