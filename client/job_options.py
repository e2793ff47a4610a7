"""The options of `client.py submit`, and the settings of a job that they are."""

from __future__ import annotations

import argparse
from functools import partial

from client.job_settings import JobSettings
from rpc.argument_types import cpus, pair, said, seconds, size, terms, variable, whole
from rpc.messages import SANDBOXES
from rpc.program import Parser
from rpc.script_spec import NETWORKS

_PROGRAM = ("name", "arguments", "main", "env", "timeout_s")
_LIMITS = ("memory_bytes", "cpus", "gpus", "pids", "disk_bytes", "network", "sandbox", "image")
_QUEUE = ("select", "priority", "owner", "key", "retries", "force_queue", "after", "array")

_Group = argparse._ArgumentGroup


def add_job(parser: Parser) -> None:
    """Add them; a setting that is not given is no attribute."""
    _add_program(parser.add_argument_group("the program"))
    _add_limits(parser.add_argument_group("what it may use (default: as its node says)"))
    _add_queue(parser.add_argument_group("the queue"))


def settings_of(args: argparse.Namespace) -> JobSettings:
    """Return the settings that were given."""
    given = {name: getattr(args, name) for name in (*_PROGRAM, *_LIMITS, *_QUEUE) if hasattr(args, name)}
    for name in ("env", "select"):
        if name in given:
            given[name] = dict(given[name])
    if "after" in given:
        given["after"] = tuple(given["after"])
    settings: JobSettings = given  # type: ignore[assignment]
    return settings


def _add_program(group: _Group) -> None:
    add = partial(group.add_argument, default=argparse.SUPPRESS)
    add("--name", metavar="NAME", help="what people are shown (default: that of the folder or ZIP)")
    add("--main", metavar="FILE", help="the program, a path in the bundle (default: main.py)")
    add("--arg", dest="arguments", action="append", metavar="ARG", help="an argument of it; several times if need be")
    add("--env", type=variable, action="append", metavar="K=V", help="a variable of it; several times if need be")
    group.add_argument(
        "--requirements", default="", metavar="FILE",
        help="lists what is installed for it: a path in the bundle (default: requirements.txt, which need not be "
        "there); with code, a file of this machine",
    )  # fmt: skip
    group.add_argument(
        "--dataset", type=pair, action="append", default=[], metavar="NAME=SOURCE",
        help="a folder or ZIP of this machine, or sha256:... of a blob, which it finds as data/NAME",
    )  # fmt: skip
    add("--timeout", dest="timeout_s", type=seconds, metavar="S", help="of each start; 0: none (default: 0; code: 60)")


def _add_limits(group: _Group) -> None:
    add = partial(group.add_argument, default=argparse.SUPPRESS)
    add("--memory", dest="memory_bytes", type=size, metavar="SIZE", help="such as 2GB or 512MiB")
    add("--cpus", type=cpus, metavar="X", help="processors, such as 1.5")
    add("--gpus", type=whole, metavar="N", help="GPUs of its own (default: none)")
    add("--pids", type=whole, metavar="N", help="processes and threads at once")
    add("--disk", dest="disk_bytes", type=size, metavar="SIZE", help="all that it writes")
    add("--network", choices=NETWORKS, help="whether it reaches the network, where the node allows it")
    add("--sandbox", choices=SANDBOXES, help="run it in this, or not at all (default: what the node runs jobs in)")
    add("--image", type=said, metavar="NAME@SHA256", help="of a container, NAME@sha256:...")


def _add_queue(group: _Group) -> None:
    add = partial(group.add_argument, default=argparse.SUPPRESS)
    several = "only nodes for which this holds, such as arch=x86_64,gpu>=1,memory_gb>=16; may be given several times"
    add("--select", type=terms, action="extend", metavar="LABEL=VALUE", help=several)
    add("--priority", type=int, metavar="N", help="larger ones go first (default: 0)")
    add("--owner", metavar="NAME", help="whose share of the nodes it takes (default: your login name)")
    add("--key", metavar="KEY", help="submit once: with the key of an earlier job of the same owner, that one is meant")
    add("--retries", type=whole, metavar="N", help="starts anew when nodes die or set-ups fail (default: 3)")
    after = "begin when this job (or run) has completed, or with :any ended; may be given several times"
    add("--after", action="append", metavar="JOB[:ok|any]", help=after)
    array = "a job for each of these, such as 1-100, 1-9:2 or 1,4,7-9; with %%N at most N of them at a time"
    add("--array", type=said, metavar="RANGE[%N]", help=array)
    add("--force-queue", action="store_true", help="wait even if no node that is known can ever run it (else: refused)")
