"""HOST:PORT as people write it."""

from __future__ import annotations


def split_address(text: str) -> tuple[str, int] | None:
    """Return host and port of `HOST:PORT`, where an IPv6 address stands in brackets; None if it is not of this form."""
    host, _, port = text.strip().rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)
