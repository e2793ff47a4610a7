"""The options that say what each owner may have."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any, Protocol

from coordinator.config import Quotas
from rpc.argument_types import checked, owner_share, whole
from rpc.run_spec import MAX_PRIORITY


class _Options(Protocol):
    def add_argument(self, *names: str, **settings: Any) -> Any: ...


def add_owners(group: _Options) -> None:
    """Add the options to a parser, or a group of it."""
    count = partial(whole, least=1)
    group.add_argument(
        "--share", type=owner_share, action="append", default=[], metavar="OWNER=WEIGHT",
        help="weight of an owner in the queue (default: 1 each); may be given several times",
    )  # fmt: skip
    group.add_argument(
        "--max-running-per-owner", type=count, default=0, metavar="N",
        help="how many runs and jobs of one owner run at once; the others wait (default: any number)",
    )  # fmt: skip
    group.add_argument(
        "--max-open-per-owner", type=count, default=0, metavar="N",
        help="how many of them wait or run; more are refused (default: any number)",
    )  # fmt: skip
    group.add_argument(
        "--max-priority", type=partial(whole, least=-MAX_PRIORITY, most=MAX_PRIORITY), default=MAX_PRIORITY,
        metavar="N",
        help=f"the highest --priority that a submitter may give; operators may give any (default: {MAX_PRIORITY})",
    )  # fmt: skip
    group.add_argument(
        "--preempt", action="store_true",
        help="end script jobs for work of a higher --priority that has no place; they wait for another turn",
    )  # fmt: skip
    group.add_argument(
        "--submits-per-minute", type=partial(whole, least=0), default=30, metavar="N",
        help="runs and jobs that one token may hand in from other machines; 0: any number (default: 30)",
    )  # fmt: skip
    group.add_argument(
        "--upload-gb-per-hour", type=_gigabytes, default=0.0, metavar="GB",
        help="of data, bundles and models that one submitter's token may send (default: any number)",
    )  # fmt: skip


def owners_from(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that these options make."""
    quotas = Quotas(args.max_open_per_owner, round(1e9 * args.upload_gb_per_hour), args.max_priority)
    return {
        "shares": dict(args.share),
        "max_running_per_owner": args.max_running_per_owner,
        "preempts": args.preempt,
        "submits_per_minute": args.submits_per_minute,
        "quotas": quotas,
    }


def _gigabytes(text: str) -> float:
    return checked(text, float, lambda value: 0.1 <= value <= 1e6, "gigabytes from 0.1 to 1,000,000")
