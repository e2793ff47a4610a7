"""What this client goes by, and who says so: an option, a variable, `login`, or nobody."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass

from client.access import trust_of
from client.link import DEFAULT_SERVER, OLD_VARIABLE, old_server
from client.servers import known_server, last_server, servers_file
from rpc.errors import TrainerError
from rpc.tls_options import trust_from
from rpc.tokens import FILE_VARIABLE, VARIABLE, id_of


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, and where it comes from."""

    name: str
    value: str
    source: str


def settings(args: argparse.Namespace, address: str, token: str) -> Iterator[Setting]:
    """Each setting; of the token, empty if there is none, the part that everybody may know."""
    try:
        yield Setting("server", args.server, source_of_server(args.server))
        yield Setting("token", id_of(token) if token else "none", source_of_token(args, address) or "nobody names one")
        yield _tls(args, address)
    except TrainerError as error:
        yield Setting("what follows", "unknown", str(error))
    shown = str(args.tls_cert or "none")
    yield Setting("certificate shown", shown, "by --tls-cert" if args.tls_cert else "the default")
    yield Setting("logins", str(servers_file()), "is there" if servers_file().exists() else "is not there")


def source_of_server(server: str) -> str:
    """Where it is said that this coordinator is meant."""
    if server == os.environ.get("ROUNDHOUSE_SERVER"):
        return "by ROUNDHOUSE_SERVER"
    if server == last_server():
        return "by `login`"
    if server == old_server():
        return f"by {OLD_VARIABLE}"
    return "the default" if server == DEFAULT_SERVER else "by --server"


def source_of_token(args: argparse.Namespace, address: str) -> str:
    """Where the token comes from; empty: there is none."""
    if args.token_file:
        return f"of {args.token_file}"
    for name in (FILE_VARIABLE, VARIABLE):
        if os.environ.get(name):
            return f"of {name}"
    return "of `login`" if known_server(address).token else ""


def _tls(args: argparse.Namespace, address: str) -> Setting:
    """In the order of `client.access.access_to`."""
    for trust, source in ((trust_from(args), "by --tls-"), (trust_of(os.environ), "by ROUNDHOUSE_TLS_")):
        if trust.is_on:
            kind = "ca" if trust.ca else "fingerprint"
            return Setting("TLS", trust.ca or trust.fingerprint, source + (kind if "--" in source else kind.upper()))
    known = known_server(address).authority
    return Setting("TLS", "on" if known else "off", "by `login`" if known else "the default")
