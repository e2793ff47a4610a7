"""`client.py schedules` and `submit --cron`: script jobs that are started again and again."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from client.api import Session
from client.columns import Column
from client.connecting import connected
from client.printing import print_facts, print_json, print_lines, print_table
from client.subcommand import Subcommand, add_json
from client.times import moment
from rpc.argument_types import said
from rpc.errors import BadRequest, ExitCode
from rpc.messages import Schedule, ScriptSpec
from rpc.program import Parser

ZONE = "UTC"

_COLUMNS = (
    Column("schedule"),
    Column("name", cuts=24),
    Column("owner", spare=2, cuts=24),
    Column("cron", cuts=24),
    Column("zone", spare=3),
    Column("state"),
    Column("next", spare=1),
    Column("last job"),
)


def check_wanted(args: argparse.Namespace) -> None:
    """Raise BadRequest if something is asked for that does not go with --cron, or goes with nothing else."""
    if args.cron is None:
        if args.cron_tz is not None or args.cron_overlap is not None:
            raise BadRequest("--cron-tz and --cron-overlap go with --cron")
    elif args.wait or args.follow:
        raise BadRequest(
            "--wait and --follow are of one job; leave them out with --cron, and see `client.py jobs list`"
        )


def add_schedule(session: Session, spec: ScriptSpec, args: argparse.Namespace) -> None:
    """Have the job started again and again, and say when it is next."""
    overlaps = args.cron_overlap == "allow"
    made = session.add_schedule(spec, args.cron, zone=args.cron_tz or ZONE, overlaps=overlaps)
    if args.json:
        print_json({"id": made.id, "next_ms": made.next_ms})
    else:
        print_lines([f"{made.id}: next {moment(made.next_ms)}"])


def list_schedules(args: argparse.Namespace) -> int:
    """Print a line for each schedule."""
    with connected(args) as session:
        known = session.schedules()
    if args.json:
        print_json(known)
    else:
        print_table(_COLUMNS, [*map(_row, known)], [_state(each) for each in known])
    return ExitCode.DONE


def show_schedule(args: argparse.Namespace) -> int:
    """Print all that is known of a schedule."""
    with connected(args) as session:
        known = session.schedule(args.id)
    if args.json:
        print_json(known)
    else:
        print_facts([*_facts(known)])
    return ExitCode.DONE


def order_schedule(args: argparse.Namespace) -> int:
    """Pause, resume or remove a schedule."""
    order = args.command.split()[1]
    with connected(args) as session:
        told = session.order_schedule(args.id, order)
    if args.json:
        print_json({"id": told.id, "order": order})
    else:
        print_lines([f"{told.id}: {'removed' if order == 'remove' else _state(told)}"])
    return ExitCode.DONE


def _row(known: Schedule) -> tuple[str, ...]:
    spec = known.spec
    nexts = moment(known.next_ms) if known.next_ms and not known.paused else "-"
    return known.id, spec.name, spec.owner or "-", known.cron, known.zone, _state(known), nexts, known.last_job or "-"


def _facts(known: Schedule) -> Iterator[tuple[str, str]]:
    spec = known.spec
    yield "schedule", known.id
    yield from (("name", spec.name), ("owner", spec.owner), ("state", _state(known)))
    yield "cron", f"{known.cron} ({known.zone})"
    yield "overlap", "allow" if known.overlaps else "skip"
    yield "since", moment(known.made_ms)
    yield "next", moment(known.next_ms) if known.next_ms and not known.paused else "-"
    if known.last_ms:
        yield "last time", moment(known.last_ms)
        yield "last job", known.last_job or "-"
    if known.fault:
        yield "last time", known.fault


def _state(known: Schedule) -> str:
    return "paused" if known.paused else "active" if known.next_ms else "over"


def add_cron(parser: Parser) -> None:
    """Add the options of `submit` that start a job again and again."""
    group = parser.add_argument_group("again and again")
    group.add_argument("--cron", metavar="EXPR", help="start it at these times, as '*/15 6-18 * * 1-5' or @daily")
    zone = f"time zone of --cron, as in Europe/Berlin (default: {ZONE})"
    group.add_argument("--cron-tz", type=said, metavar="ZONE", help=zone)
    overlap = "start it also while the one before still runs (default: skip)"
    group.add_argument("--cron-overlap", choices=("skip", "allow"), help=overlap)


def _one(parser: Parser) -> None:
    parser.add_argument("id", metavar="SCHEDULE", help="one that `schedules list` lists")
    add_json(parser)


SCHEDULE_SUBCOMMANDS = {
    "schedules list": Subcommand("Lists the jobs that are started again and again.", "", add_json),
    "schedules show": Subcommand("Shows all that is known of a schedule.", "SCHEDULE", _one),
    "schedules pause": Subcommand("Starts nothing of a schedule until it is resumed.", "SCHEDULE", _one),
    "schedules resume": Subcommand("Goes on with a schedule that was paused.", "SCHEDULE", _one),
    "schedules remove": Subcommand("Removes a schedule; jobs that it has started stay.", "SCHEDULE", _one),
}
SCHEDULE_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "schedules list": list_schedules,
    "schedules show": show_schedule,
    "schedules pause": order_schedule,
    "schedules resume": order_schedule,
    "schedules remove": order_schedule,
}
