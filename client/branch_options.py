"""The options of `client.py runs branch`: those of a run, each left as it was in the parent unless it is given."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from client.queue_options import add_queue
from client.run_options import add_averaging, add_ending, add_training

_DEFAULT = re.compile(r"\s*\(?default: [^)]*\)?")


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add the options, in their groups; who asks for one that was not given finds no such attribute."""
    _add(parser, "the run", _add_run)
    _add(parser, "training on the nodes", add_training)
    _add(parser, "averaging", add_averaging)
    _add(parser, "the queue", add_queue)
    _add(parser, "when to end", add_ending)


def _add(parser: argparse.ArgumentParser, title: str, fill: Callable[[argparse._ArgumentGroup], None]) -> None:
    group = parser.add_argument_group(title)
    fill(group)
    for action in group._group_actions:
        action.default = argparse.SUPPRESS
        action.help = _DEFAULT.sub("", action.help or "")  # its default is what the parent has


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rounds", type=int, metavar="N", help="of the whole run, those before the branch included")
    group.add_argument("--epochs", type=int, metavar="N", help="passes over each shard per round")
    group.add_argument("--eta", type=float, metavar="X", help="learning rate")
