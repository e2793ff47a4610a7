"""What `client.py watch` does without a run: shows everything as it changes, over absences of the coordinator."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator

from client.access import access_to
from client.api import Session
from client.event_commands import event_line
from client.everything import Picture, left_out_line, lines_of
from client.link import Link, parse_server
from client.printing import print_json, print_lines
from client.status import headline, summary
from client.style import STATES
from rpc.errors import ExitCode, StoreDown, Unreachable
from rpc.messages import EventQuery, EventRow, Overview
from rpc.tls_options import trust_from

_EVERY_S = 1.0
_TIMEOUT_S = 5.0
_RUNS = 20
_EVENTS = 20  # that are kept


def watch_everything(args: argparse.Namespace) -> int:
    """Show nodes, runs and events until Ctrl-C: a picture on a terminal, else a line for each event."""
    host, port = parse_server(args.server)
    access = access_to(host, port, args.token_file, trust_from(args))
    link = Link(host, port, timeout_s=_TIMEOUT_S, patience_s=0.0, access=access)
    link.open()
    with Session(link) as session:
        pictures = look(session)
        try:
            if args.json:
                _print_json(pictures)
            elif sys.stdout.isatty() and not args.quiet:
                _draw(pictures)
            else:
                _print_lines(pictures)
        except KeyboardInterrupt:
            print("client: watched enough; the work goes on", file=sys.stderr)
            raise
    return ExitCode.DONE


def look(session: Session) -> Iterator[Picture]:
    """Yield a picture every second; the latest one again, saying so, while the coordinator or its store is away.

    However much happens, a look costs two calls, and tells of the newest events.
    """
    overview, last = session.glance(_RUNS), 0
    kept: tuple[EventRow, ...] = ()
    left_out = 0
    away_since: float | None = None
    away = ""
    while True:
        try:
            page = session.events(EventQuery(after=last, limit=_EVENTS, notable=True, newest=True))
            overview = session.glance(_RUNS)
            kept, last, left_out = (*kept, *page.events)[-_EVENTS:], max(page.last, 1), page.left_out
            away_since, away = None, ""
        except (Unreachable, StoreDown) as error:
            away_since, left_out = away_since or time.monotonic(), 0
            away = f"the store of {session.server}" if isinstance(error, StoreDown) else session.server
        away_s = 0.0 if away_since is None else max(0.1, time.monotonic() - away_since)
        yield Picture(session.server, overview, kept, away_s, away, left_out)
        time.sleep(_EVERY_S)


def _print_json(pictures: Iterator[Picture]) -> None:
    """An object a line; each event is in one of them, but for those that are left out."""
    told = 0
    for picture in pictures:
        new = [row for row in picture.events if row.number > told]
        told = max([told, *(row.number for row in new)])
        about = dataclasses.asdict(picture.overview)
        news = {"events": new, "left_out": picture.left_out}
        print_json({"away": picture.away, "away_s": picture.away_s, **about, **news}, on_one_line=True)


def _print_lines(pictures: Iterator[Picture]) -> None:
    """The state of things, then a line for each event, and for each time that the coordinator goes and comes."""
    told, was_away = 0, False
    for number, picture in enumerate(pictures):
        if number == 0 or (was_away and not picture.away_s):
            _say(_state(picture.overview))
        if picture.away_s and not was_away:
            _say(f"{picture.away} does not answer; trying again")
        if picture.left_out:
            _say(left_out_line(picture.left_out))
        for row in picture.events:
            if row.number > told:
                _say(event_line(row))
                told = row.number
        was_away = bool(picture.away_s)


def _state(overview: Overview) -> str:
    return f"{headline(overview)}; {summary(overview)}"


def _say(line: str) -> None:
    print_lines([line])


def _draw(pictures: Iterator[Picture]) -> None:
    # Takes a tenth of a second to import, and is needed here alone.
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for picture in pictures:
            texts = []
            for line in lines_of(picture, console.width, console.height):
                text = Text(line.text, style=line.style, no_wrap=True)
                text.highlight_words([f" {line.state} "] if line.state else [], STATES.get(line.state, ""))
                texts.append(text)
            live.update(Group(*texts), refresh=True)
