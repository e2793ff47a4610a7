"""`client.py token`, `join-command` and `audit`: by what others say who they are, and what they have done."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from client.api import Session
from client.columns import Column
from client.connecting import connected
from client.link import parse_server
from client.printing import print_facts, print_json, print_lines, print_table
from client.subcommand import Subcommand, add_json
from client.times import lifetime, moment
from rpc.argument_types import whole
from rpc.errors import ExitCode
from rpc.messages import AuditRow, Token
from rpc.program import Parser

ROLES = ("viewer", "submitter", "operator", "admin", "node")

_TOKENS = (
    Column("token"),
    Column("role"),
    Column("owner", spare=2, cuts=24),
    Column("name", spare=3, cuts=32),
    Column("state"),
    Column("made", spare=1),
    Column("used", spare=4),
)
_AUDIT = (
    Column("when"),
    Column("who", cuts=32),
    Column("from", spare=1, cuts=32),
    Column("did"),
    Column("to what", spare=2, cuts=40),
    Column("outcome"),
)


def create_token(args: argparse.Namespace) -> int:
    """Make a token and print it, once."""
    with connected(args) as session:
        made = session.create_token(
            args.role, owner=args.owner, name=args.name, expires_ms=_expiry(args.expires), node=args.node
        )
    if args.json:
        print_json(made)
    else:
        print_facts([*_facts(made), ("token, shown once", made.secret)])
    return ExitCode.DONE


def list_tokens(args: argparse.Namespace) -> int:
    """Print a line for each token."""
    with connected(args) as session:
        known = session.tokens()
    if args.json:
        print_json(known)
    else:
        print_table(_TOKENS, [*map(_row, known)])
    return ExitCode.DONE


def revoke_token(args: argparse.Namespace) -> int:
    """Take tokens back."""
    with connected(args) as session:
        revoked = [session.revoke_token(token) for token in args.tokens]
    if args.json:
        print_json(revoked)
    else:
        print_lines([f"{each.id}: revoked" for each in revoked])
    return ExitCode.DONE


def print_join_command(args: argparse.Namespace) -> int:
    """Make a token for a node, and print the line that starts one on another machine."""
    with connected(args) as session:
        made = session.create_token("node", name=args.name, expires_ms=_expiry(args.expires), node=args.node)
        trust = _trust_words(session)
    host, port = parse_server(args.address or args.server)
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    line = f"ROUNDHOUSE_TOKEN={made.secret} python compute_node.py --join {where}{trust}"
    if args.json:
        print_json({"command": line, "token": made.id})
    else:
        print(line, flush=True)  # on one line, whatever the terminal: it is to be pasted
    return ExitCode.DONE


def _trust_words(session: Session) -> str:
    """How a node elsewhere is told whom the coordinator is vouched for by."""
    from rpc.own_certificates import fingerprint_of  # 40 ms to load, for those who need it

    if authority := session.authority():
        return f" --tls-fingerprint {fingerprint_of(authority)}"
    return " --tls-ca system" if session.is_secured else ""


def print_audit(args: argparse.Namespace) -> int:
    """Print a line for each thing that somebody did, or was refused, the newest last."""
    with connected(args) as session:
        rows = session.audit(limit=args.limit)
    if args.json:
        print_json(rows)
    else:
        print_table(_AUDIT, [_audited(row) for row in reversed(rows)])
    return ExitCode.DONE


def _expiry(lifetime: timedelta | None) -> int:
    """In ms since 1970; 0: never."""
    return 0 if lifetime is None else int(1000 * (time.time() + lifetime.total_seconds()))


def _state(token: Token) -> str:
    if token.revoked_ms:
        return "revoked"
    if not token.expires_ms:
        return "valid"
    return "expired" if token.expires_ms < 1000 * time.time() else f"until {moment(token.expires_ms)}"


def _row(token: Token) -> tuple[str, ...]:
    owner = token.owner or (f"node {token.node}" if token.node else "-")
    return token.id, token.role, owner, token.name or "-", _state(token), moment(token.made_ms), moment(token.used_ms)


def _facts(token: Token) -> list[tuple[str, str]]:
    about = [("id", token.id), ("role", token.role), ("owner", token.owner), ("name", token.name), ("node", token.node)]
    return [*filter(lambda pair: pair[1], about), ("state", _state(token))]


def _audited(row: AuditRow) -> tuple[str, ...]:
    who = " ".join(filter(None, (row.role, row.owner, row.token))) or "-"
    return moment(row.at_ms), who, row.address, row.operation, row.subject or "-", row.outcome


def _create(parser: Parser) -> None:
    parser.add_argument("--role", choices=ROLES, default="submitter", help="what it may do (default: %(default)s)")
    parser.add_argument(
        "--owner", default="", metavar="NAME", help="of the work that is submitted with it; a submitter sees that alone"
    )
    _add_naming(parser)


def _add_naming(parser: Parser) -> None:
    parser.add_argument("--name", default="", metavar="TEXT", help="what it is for")
    parser.add_argument(
        "--expires", type=lifetime, metavar="TIME", help="how long it holds: 12h, 30d (default: until it is revoked)"
    )
    parser.add_argument(
        "--node",
        default="",
        metavar="IDENTITY",
        help="the one node that it is for: its identity in `nodes show`",
    )
    add_json(parser)


def _join(parser: Parser) -> None:
    parser.add_argument(
        "--address", default="", metavar="HOST:PORT",
        help="where nodes reach the coordinator (default: where this command does)",
    )  # fmt: skip
    _add_naming(parser)


def _revoke(parser: Parser) -> None:
    parser.add_argument("tokens", metavar="TOKEN", nargs="+", help="ids that `token list` lists")
    add_json(parser)


def _audit(parser: Parser) -> None:
    up_to_1000 = partial(whole, least=1, most=1000)
    parser.add_argument("--limit", type=up_to_1000, default=50, metavar="N", help="the newest N (default: %(default)s)")
    add_json(parser)


TOKEN_SUBCOMMANDS = {
    "token create": Subcommand("Makes a token and prints it, once: by it somebody says who they are.", "", _create),
    "token list": Subcommand("Lists the tokens, without their secrets.", "", add_json),
    "token revoke": Subcommand("Takes tokens back: what is connected with one is cut off.", "TOKEN...", _revoke),
    "join-command": Subcommand("Makes a token for a node, and prints the line that starts one elsewhere.", "", _join),
    "audit": Subcommand("Tells who did what, and who was refused it, the newest last.", "", _audit),
}
TOKEN_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "token create": create_token,
    "token list": list_tokens,
    "token revoke": revoke_token,
    "join-command": print_join_command,
    "audit": print_audit,
}
