"""Every command of the client with arguments that it takes, made from its parser: a new one comes by itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from client.subcommands import SUBCOMMANDS, subcommand_parser
from tests.client.fake import RUN_ID, TOKEN
from tests.client.fake_jobs import JOB_ID

NODE = "n1"
WEBHOOK = "webhook-00000001"
SCHEDULE = "schedule-00000001"
COMMANDS = ("train", *(name for name in SUBCOMMANDS if name != "logout"))  # which asks nobody anything

EXAMINERS = ("doctor", "debug-dump")  # whom an unreachable coordinator is a finding


def positionals(name: str) -> list[argparse.Action]:
    return [action for action in subcommand_parser(name)._actions if not action.option_strings]


def line_of(name: str, server: str, data: Path, *, named: str = "") -> list[str]:
    """The words of a command line.

    Args:
        data: a folder with shards and a validation file.
        named: the run or node, where it is not one that the fake coordinator knows.
    """
    host, _, port = server.partition(":")
    if name == "train":
        return [host, port, str(data), "2", "3", "4", "0.5"]
    known = {
        "RUN": named or RUN_ID,
        "ID": named or RUN_ID,
        "KIND": "run",
        "JOB": named or JOB_ID,
        "WHAT": "print('hello')",
        "NODE": named or NODE,
        "HOST:PORT": "127.0.0.1:9091",
        "URL": "http://127.0.0.1:8080/told",
        "WEBHOOK": named or WEBHOOK,
        "SCHEDULE": named or SCHEDULE,
        "TOKEN": named or TOKEN.id,
        "COORDINATOR": server,
        "FILE": str(data / "validate_toy.txt"),
    }
    return [*name.split(), *(known[str(action.metavar)] for action in positionals(name)), "--server", server]


def names_something(name: str) -> bool:
    """Whether the command is about one run or node, which may not be there."""
    return name != "train" and any(
        action.metavar in ("RUN", "JOB", "ID", "NODE", "WEBHOOK", "SCHEDULE", "TOKEN") for action in positionals(name)
    )


def goes_on(name: str) -> list[str] | None:
    """What makes the command print until it is interrupted, in place of its own words; None: nothing does.

    What follows one run or job ends with it.
    """
    if name in ("train", "submit") or names_something(name) != (name == "watch"):
        return None
    if any(action.nargs == "?" for action in positionals(name)):
        return name.split()
    options = subcommand_parser(name)._option_string_actions
    return [*name.split(), "--follow"] if "--follow" in options else None
