"""`client.py webhooks`: who is told by HTTP when work changes its state."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from client.columns import Column
from client.connecting import connected
from client.printing import print_facts, print_json, print_lines, print_table
from client.subcommand import Subcommand, add_json
from client.times import moment
from rpc.errors import ExitCode
from rpc.program import Parser

STATES = ("running", "completed", "failed", "cancelled")

_COLUMNS = (
    Column("webhook"),
    Column("url", cuts=40),
    Column("told of", spare=2, cuts=40),
    Column("since", spare=1),
    Column("fault", cuts=40),
)


def list_webhooks(args: argparse.Namespace) -> int:
    """Print a line for each webhook."""
    with connected(args) as session:
        known = session.webhooks()
    if args.json:
        print_json(known)
    else:
        rows = [(each.id, each.url, ", ".join(each.states), moment(each.made_ms), each.fault or "-") for each in known]
        print_table(_COLUMNS, rows)
    return ExitCode.DONE


def add_webhook(args: argparse.Namespace) -> int:
    """Have a URL told, and print the secret that signs."""
    with connected(args) as session:
        made = session.add_webhook(args.url, states=args.state, secret=args.secret)
    if args.json:
        print_json(made)
    else:
        print_facts([("webhook", made.id), ("told of", ", ".join(made.states)), ("secret", made.secret)])
    return ExitCode.DONE


def remove_webhook(args: argparse.Namespace) -> int:
    """Tell it no more."""
    with connected(args) as session:
        session.remove_webhook(args.id)
    if args.json:
        print_json({"removed": args.id})
    else:
        print_lines([f"{args.id}: removed"])
    return ExitCode.DONE


def _add(parser: Parser) -> None:
    parser.add_argument("url", metavar="URL", help="http://... or https://...")
    parser.add_argument(
        "--state", action="append", default=[], choices=STATES,
        help="tell of this state; may be given several times (default: all)",
    )  # fmt: skip
    parser.add_argument("--secret", default="", metavar="whsec_...", help="that signs (default: one is made)")
    add_json(parser)


def _remove(parser: Parser) -> None:
    parser.add_argument("id", metavar="WEBHOOK", help="one that `webhooks list` lists")
    add_json(parser)


WEBHOOK_SUBCOMMANDS = {
    "webhooks list": Subcommand("Lists who is told by HTTP when work changes its state.", "", add_json),
    "webhooks add": Subcommand("Has a URL told from now on. Prints the secret that signs, once.", "URL", _add),
    "webhooks remove": Subcommand("Tells a URL no more.", "WEBHOOK", _remove),
}
WEBHOOK_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "webhooks list": list_webhooks,
    "webhooks add": add_webhook,
    "webhooks remove": remove_webhook,
}
