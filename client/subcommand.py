"""What a subcommand of the client is, and the arguments that many of them take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rpc.argument_types import whole
from rpc.program import Parser
from rpc.tls_options import add_trust

EXPORTS = ("csv", "json", "tensorboard", "mlflow")
STATES = ("pending", "running", "completed", "failed", "cancelled")


@dataclass(frozen=True)
class Subcommand:
    """One subcommand: what it does, and what it takes besides --server and the options of all programs."""

    about: str
    usage: str  # its positional arguments
    add_arguments: Callable[[Parser], None]


def add_export(parser: Parser) -> None:
    """Add the options of what is exported, and to where."""
    parser.add_argument(
        "--out", metavar="WHERE",
        help="a file (default: ID.FORMAT); for TensorBoard a folder (default: the current one); for MLflow a server"
        " (http://...) or a database (sqlite:///FILE)",
    )  # fmt: skip
    parser.add_argument("--format", choices=EXPORTS, help="default: as the file of --out says, else csv")
    add_json(parser)


def add_json(parser: Parser) -> None:
    """Add the option that makes what is printed a document for programs."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_limit(parser: Parser) -> None:
    """Add the option that says how long a list may be."""
    at_least_1 = partial(whole, least=1)
    parser.add_argument("--limit", type=at_least_1, default=50, metavar="N", help="the newest N alone (default: 50)")


def add_access(parser: Parser | argparse._ArgumentGroup) -> None:
    """Add the options that say as whom the coordinator is asked, and whom it must be vouched for by."""
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help="who asks: a file with a token (default: ROUNDHOUSE_TOKEN_FILE, ROUNDHOUSE_TOKEN, or that of `login`)",
    )  # fmt: skip
    add_trust(parser)


def add_list_filters(parser: Parser, noun: str) -> None:
    """Add the options of a list of work, whose rows are called `noun`."""
    add_limit(parser)
    help_of_states = f"only {noun} in it; may be given several times"
    parser.add_argument("--state", action="append", default=[], choices=STATES, help=help_of_states)
    parser.add_argument("--owner", default="", metavar="NAME", help=f"only the {noun} of one owner")
    add_json(parser)
