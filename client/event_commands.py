"""What `client.py events` and `client.py why` do: tell what happened, and why something is as it is."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from datetime import datetime

from client.api import Kind, Session
from client.connecting import connected
from client.following import remark
from client.printing import print_json, print_lines
from client.story import place_of
from client.times import clock, ms_of
from rpc.errors import ExitCode, NotFound
from rpc.messages import EventPage, EventQuery, EventRow, Reason, Why

_POLL_S = 1.0
_PAGE = 1000  # events that one answer brings at most


def list_events(args: argparse.Namespace) -> int:
    """Print the events that are asked for, and with --follow those to come."""
    since_ms = ms_of(args.since, datetime.now())
    with connected(args) as session:
        run = session.run(args.run).id if args.run else ""
        node, doubt = _node_of(session, args.node)
        query = EventQuery(run, node, since_ms, limit=args.limit, notable=args.notable)
        page = session.events(query)
        if doubt is not None and not page.events:
            raise doubt
        if args.json and not args.follow:
            print_json(page.events)
            return ExitCode.DONE
        if not page.events and not args.follow:
            remark("nothing like that has happened, or it is not known any more")
        for each in follow(session, query, page) if args.follow else [page]:
            _print(each, args)
    return ExitCode.DONE


def _node_of(session: Session, name: str) -> tuple[str, NotFound | None]:
    """Return the id of a node, and why that is not known to be one; events may tell of nodes that have gone."""
    try:
        return (session.node(name).id if name else ""), None
    except NotFound as error:
        return name, error


def _print(page: EventPage, args: argparse.Namespace) -> None:
    if args.json:
        for row in page.events:
            print_json(row, on_one_line=True)
    else:
        print_lines(map(event_line, page.events))


def follow(session: Session, query: EventQuery, page: EventPage) -> Iterator[EventPage]:
    """Yield this page, which answers the query, and then what is new, for ever."""
    while True:
        yield page
        if len(page.events) < query.limit:
            time.sleep(_POLL_S)
        # What is new comes whole, however little was wanted of what is old.
        query = dataclasses.replace(query, after=max(page.last, 1), since_ms=0, limit=_PAGE)
        page = session.events(query)


def event_line(row: EventRow) -> str:
    """Return an event in a line: when, what happened, to what. Of a line that is cut the end is missed least."""
    subject = ", ".join(filter(None, (row.work, place_of(row)))) or "coordinator"
    told = f"{subject}: {row.message}" if row.message else subject
    return f"{clock(row.at_ms, datetime.now())}  {row.kind}: {told}"


def tell_why(args: argparse.Namespace) -> int:
    """Print one answer."""
    with connected(args) as session:
        why = session.why(args.kind, _id_of(session, args.kind, args.id))
    if args.json:
        print_json(why)
    else:
        print_lines(why_lines(why))
    return ExitCode.DONE


def _id_of(session: Session, kind: Kind, name: str) -> str:
    """Return the id of a run or job, or of a task of one, that was named otherwise; of all else the name.

    Where nobody knows it, that is the name, too: the answer says which id is like it.
    """
    run, *task = name.rsplit("/", 2) if kind == "task" else [name]
    if kind == "node" or (kind == "task" and len(task) != 2):
        return name
    try:
        return session.job(name).id if kind == "job" else "/".join((session.run(run).id, *task))
    except NotFound:
        return name


def why_lines(why: Why) -> Iterator[str]:
    """Yield the answer, then what is so, under a heading for each subject."""
    yield why.answer
    about = ""
    for reason in why.reasons:
        if reason.about != about:
            about = reason.about
            yield f"{_HEADINGS.get(about, about)}:"
        yield _line(reason)
        if reason.advice:
            yield f"    -> {reason.advice}"


# What the coordinator files a reason under, as people say it; what is not here they say, too.
_HEADINGS = {
    "event": "what happened",
    "retry": "attempts that did not succeed",
    "critical path": "what took the time",
    "placement": "why on this node",
    "queue": "in the queue",
}


def _line(reason: Reason) -> str:
    when = f"{clock(reason.at_ms, datetime.now())}  " if reason.at_ms else ""
    return f"  {when}{reason.text}"
