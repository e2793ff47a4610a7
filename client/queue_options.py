"""The options that say when and where a run may go on: its place in the queue and the nodes it takes."""

from __future__ import annotations

import argparse

from rpc.argument_types import seconds, terms
from rpc.messages import ADAPTIVE


def add_queue(group: argparse._ArgumentGroup) -> None:
    """Add them to a group of the command line."""
    group.add_argument("--priority", type=int, default=0, metavar="N", help="larger ones go first (default: 0)")
    group.add_argument("--owner", metavar="NAME", help="whose share of the nodes it takes (default: your login name)")
    group.add_argument(
        "--min-nodes", type=int, default=1, metavar="N", help="begin when so many suitable nodes are there (default: 1)"
    )
    group.add_argument("--max-nodes", type=int, default=0, metavar="N", help="at the same time (default: any number)")
    group.add_argument(
        "--select", type=terms, action="extend", default=[], metavar="LABEL=VALUE",
        help="use only nodes for which this holds, such as arch=x86_64,memory_gb>=16; may be given several times",
    )  # fmt: skip
    group.add_argument(
        "--round-deadline", type=_deadline, default=0.0, metavar="S",
        help="seconds after which a round goes on without the shards that are late; adaptive: by how long shards take",
    )  # fmt: skip
    group.add_argument(
        "--min-shards", type=int, default=1, metavar="N", help="that a round needs at its deadline (default: 1)"
    )
    group.add_argument(
        "--no-speculation", dest="speculation", action="store_false",
        help="no second attempt of a task that takes far longer than the others of its round",
    )  # fmt: skip
    group.add_argument(
        "--force-queue", action="store_true", help="wait even if no node that is known can ever do it (else: refused)"
    )
    group.add_argument("--key", default="", help="submit once: with the key of an earlier run, follow that one")


def _deadline(text: str) -> float:
    return ADAPTIVE if text == "adaptive" else seconds(text)
