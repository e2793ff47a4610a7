"""HOST:PORT as people write it, and whether a host is this machine itself."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

USUAL_PORT = 9095  # of a coordinator


def split_address(text: str) -> tuple[str, int] | None:
    """Return host and port of `HOST:PORT`, where an IPv6 address stands in brackets; None if it is not of this form."""
    host, _, port = text.strip().rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)


def server_of_url(text: str) -> str:
    """HOST:PORT of a coordinator on the host of an older system's server, whose URL (or name) this is.

    Its port was that of HTTP.
    """
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname or text
    except ValueError:
        host = text
    return f"[{host}]:{USUAL_PORT}" if ":" in host else f"{host}:{USUAL_PORT}"


def is_loopback(host: str) -> bool:
    """Whether an address, or the name `localhost`, is one at which no other machine can be reached, nor reach this."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False  # the name of some machine
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None  # a dual-stack listener's IPv4
    return (mapped or address).is_loopback
