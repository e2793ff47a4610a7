"""`client.py login` and `logout`: which coordinators this user knows, and by which token they know the user."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable

from client.access import Access
from client.link import Link, parse_server
from client.printing import print_json, print_lines
from client.servers import KnownServer, forget, remember
from client.subcommand import Subcommand, add_json
from rpc.errors import ExitCode, NotFound, Unauthenticated
from rpc.messages import HelloReply
from rpc.program import Parser
from rpc.tokens import find_token, id_of

_TIMEOUT_S = 30.0


def login(args: argparse.Namespace) -> int:
    """Remember a coordinator, and the token that it is shown, once it has accepted that."""
    host, port = parse_server(args.coordinator)
    token = find_token(args.token_file, os.environ)
    try:
        greeted = _greeted(host, port, token)
    except Unauthenticated:
        if token or not sys.stdin.isatty():
            raise
        token = getpass.getpass("token: ").strip()
        id_of(token)  # one that was mistyped is sent to nobody
        greeted = _greeted(host, port, token)
    address = f"{host}:{port}"
    remember(address, KnownServer(token=token))
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


def _greeted(host: str, port: int, token: str) -> HelloReply:
    link = Link(host, port, timeout_s=_TIMEOUT_S, access=Access(token))
    try:
        return link.greeted()
    finally:
        link.close()


def _add(parser: Parser) -> None:
    parser.add_argument("coordinator", metavar="COORDINATOR", help="its HOST:PORT")
    add_json(parser)


LOGIN_SUBCOMMANDS = {
    "login": Subcommand(
        "Remembers a coordinator and the token of --token-file or of a variable; else asks for one on a terminal.",
        "COORDINATOR",
        _add,
    ),
    "logout": Subcommand("Forgets a coordinator and its token.", "COORDINATOR", _add),
}
LOGIN_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"login": login, "logout": logout}
