"""What a client shows a coordinator, and where it finds that: a file, a variable, or what `login` has remembered."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from client.servers import known_server
from rpc.tokens import find_token
from rpc.trust import SYSTEM, Trust


@dataclass(frozen=True, slots=True)
class Access:
    """How a coordinator is called.

    Attributes:
        token: by which it knows who asks; empty: it is not told.
        tls: whom it must be vouched for by; None: without TLS.
        local_socket: path of its Unix socket, which is taken in place of its address; empty: none.
    """

    token: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None
    local_socket: str = ""


NO_ACCESS = Access()


def access_to(host: str, port: int, token_file: Path | None = None, trust: Trust | None = None) -> Access:
    """Return how the coordinator there is called: as is given here, else as variables say, else as `login` remembers.

    Raises:
        BadData: what is named there is no token, or no certificate.
        Refused, Unreachable, TimedOut: the coordinator is not the one that a fingerprint means, or does not say.
    """
    known = known_server(f"{host}:{port}")
    token = find_token(token_file, os.environ) or known.token
    said = trust if trust is not None and trust.is_on else trust_of(os.environ)
    if said.is_on or not known.authority:
        return Access(token, said.context(host, port))
    return Access(token, said.trusting(None if known.authority == SYSTEM else known.authority))


def trust_of(environ: Mapping[str, str]) -> Trust:
    """What the variables say of whom is trusted."""
    return Trust(environ.get("ROUNDHOUSE_TLS_CA", ""), environ.get("ROUNDHOUSE_TLS_FINGERPRINT", ""))
