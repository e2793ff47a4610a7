"""`client.py login` and `logout`: which coordinators this user knows, and by which token they know the user."""

from __future__ import annotations

import argparse
import getpass
import os
import ssl
import sys
from collections.abc import Callable

from client.access import Access, trust_of
from client.link import Link, parse_server
from client.printing import print_json, print_lines
from client.servers import KnownServer, forget, remember
from client.subcommand import Subcommand, add_json
from rpc.errors import ExitCode, NotFound, Unauthenticated
from rpc.messages import HelloReply
from rpc.program import Parser
from rpc.tls_options import trust_from
from rpc.tokens import find_token, id_of
from rpc.trust import SYSTEM, Trust

_TIMEOUT_S = 30.0


def login(args: argparse.Namespace) -> int:
    """Remember a coordinator, and the token that it is shown, once it has accepted that."""
    host, port = parse_server(args.coordinator)
    token = find_token(args.token_file, os.environ)
    authority, tls = _trusted(trust_from(args), host, port)
    try:
        greeted = _greeted(host, port, Access(token, tls))
    except Unauthenticated:
        if token or not sys.stdin.isatty():
            raise
        token = getpass.getpass("token: ").strip()
        id_of(token)  # one that was mistyped is sent to nobody
        greeted = _greeted(host, port, Access(token, tls))
    address = f"{host}:{port}"
    remember(address, KnownServer(token, authority))
    if args.json:
        print_json({"server": address, "role": greeted.role, "owner": greeted.owner})
    else:
        owner = f" for {greeted.owner}" if greeted.owner else ""
        print_lines([f"{address}: logged in as {greeted.role or 'anybody'}{owner}; commands go there from now on"])
    return ExitCode.DONE


def logout(args: argparse.Namespace) -> int:
    """Forget a coordinator and its token."""
    address = "{}:{}".format(*parse_server(args.coordinator))
    if not forget(address):
        raise NotFound(f"nobody is logged in to {address}")
    if args.json:
        print_json({"forgotten": address})
    else:
        print_lines([f"{address}: logged out; the token holds until it is revoked"])
    return ExitCode.DONE


def _trusted(trust: Trust, host: str, port: int) -> tuple[str, ssl.SSLContext | None]:
    """Whom the coordinator is vouched for by, as it is remembered, and how it is called."""
    said = trust if trust.is_on else trust_of(os.environ)
    if not said.is_on:
        return "", None
    if said.ca == SYSTEM:
        return SYSTEM, said.trusting(None)
    authority = said.authority(host, port)
    return authority, said.trusting(authority)


def _greeted(host: str, port: int, access: Access) -> HelloReply:
    link = Link(host, port, timeout_s=_TIMEOUT_S, access=access)
    try:
        return link.greeted()
    finally:
        link.close()


def _add(parser: Parser) -> None:
    parser.add_argument("coordinator", metavar="COORDINATOR", help="its HOST:PORT")
    add_json(parser)


LOGIN_SUBCOMMANDS = {
    "login": Subcommand(
        "Remembers a coordinator, by whom it is vouched for, and the token of --token-file or of a variable; without"
        " one it asks on a terminal.",
        "COORDINATOR",
        _add,
    ),
    "logout": Subcommand("Forgets a coordinator and its token.", "COORDINATOR", _add),
}
LOGIN_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"login": login, "logout": logout}
