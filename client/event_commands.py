"""What `client.py events` and `client.py why` do: tell what happened, and why something is as it is."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from client.api import Kind, Session, connect
from client.story import place_of
from client.style import Style
from client.times import clock, ms_of
from rpc.errors import ExitCode, NotFound
from rpc.messages import EventPage, EventQuery, EventRow, Reason, Why

_POLL_S = 1.0


def list_events(args: argparse.Namespace) -> int:
    """Print the events that are asked for, and with --follow those to come."""
    since_ms = ms_of(args.since, datetime.now())
    with connect(args.server) as session:
        run = session.run(args.run).id if args.run else ""
        query = EventQuery(run, args.node, since_ms, limit=args.limit, notable=args.notable)
        if args.json and not args.follow:
            print(json.dumps([dataclasses.asdict(row) for row in session.events(query).events], indent=2))
            return ExitCode.DONE
        for page in follow(session, query) if args.follow else [session.events(query)]:
            for row in page.events:
                print(json.dumps(dataclasses.asdict(row)) if args.json else event_line(row))
            sys.stdout.flush()
    return ExitCode.DONE


def follow(session: Session, query: EventQuery) -> Iterator[EventPage]:
    """Yield what is asked for, and then what is new, for ever."""
    while True:
        page = session.events(query)
        yield page
        query = dataclasses.replace(query, after=max(page.last, 1), since_ms=0)
        if len(page.events) < query.limit:
            time.sleep(_POLL_S)


def event_line(row: EventRow) -> str:
    """Return an event in a line: when, what happened, to what. Of a line that is cut the end is missed least."""
    subject = ", ".join(filter(None, (row.work, place_of(row)))) or "coordinator"
    told = f"{subject}: {row.message}" if row.message else subject
    return f"{clock(row.at_ms, datetime.now())}  {row.kind}: {told}"


def tell_why(args: argparse.Namespace) -> int:
    """Print one answer."""
    with connect(args.server) as session:
        why = session.why(args.kind, _id_of(session, args.kind, args.id))
    style = Style(sys.stdout)
    told = (line for long in why_lines(why) for line in style.wrap(long))
    print(json.dumps(dataclasses.asdict(why), indent=2) if args.json else "\n".join(told))
    return ExitCode.DONE


def _id_of(session: Session, kind: Kind, name: str) -> str:
    """Return the id of a run, or of a task of one, that was named otherwise; of all else the name.

    Where nobody knows it, that is the name, too: the answer says which id is like it.
    """
    run, *task = name.rsplit("/", 2) if kind == "task" else [name]
    if kind == "node" or (kind == "task" and len(task) != 2):
        return name
    try:
        return "/".join((session.run(run).id, *task))
    except NotFound:
        return name


def why_lines(why: Why) -> Iterator[str]:
    """Yield the answer, then what is so, under a heading for each subject."""
    yield why.answer
    about = ""
    for reason in why.reasons:
        if reason.about != about:
            about = reason.about
            yield f"{about}:"
        yield _line(reason)
        if reason.advice:
            yield f"    -> {reason.advice}"


def _line(reason: Reason) -> str:
    when = f"{clock(reason.at_ms, datetime.now())}  " if reason.at_ms else ""
    return f"  {when}{reason.text}"
