"""What happened, as it happens."""

from __future__ import annotations

import time
from collections import deque
from urllib.parse import urlencode

from nicegui import ui

from rpc.messages import EventPage, EventQuery, EventRow
from web.pages.acting import button
from web.pages.console import Console, Consoles
from web.pages.event_rows import COLUMNS, event_row
from web.pages.feeds import follow
from web.pages.frame import frame, head, panel, tabs
from web.pages.routes import page
from web.streams import Part
from web.widgets.field import Field
from web.widgets.rows import Rows, path

_MOST = 200
_ROUTINE = frozenset({"round done", "rejected"})
_EVER = "ever"
_SPANS = {_EVER: 0, "1h": 3600, "1d": 86400, "7d": 604800}


def add(consoles: Consoles) -> None:
    @page(consoles, "/events")
    async def events(console: Console, work: str = "", node: str = "", since: str = "", all: str = "") -> None:
        is_all = all == "true"
        since_ms = round(1000 * (time.time() - _SPANS[since])) if _SPANS.get(since) else 0
        query = EventQuery(work[:200], node[:200], since_ms, limit=_MOST, notable=not is_all)
        found: EventPage = await console.door.call("list_events", query)
        kept = deque(found.events, maxlen=_MOST)
        with frame("Events", console.live, where="/events"):
            with head("Events"):
                pass
            with panel("Events", beside="as they happen") as top:
                with ui.element("div").classes("bar"):
                    of_work = Field("of-work", "Run or job", work)
                    of_node = Field("of-node", "Node", node)
                    span = Field("since", "Since", since if since in _SPANS else _EVER, choices=list(_SPANS))

                    async def search() -> None:
                        ui.navigate.to(_path(of_work.text, of_node.text, span.text, is_all))

                    button("Show", search)
                table = Rows(
                    COLUMNS,
                    [event_row(each) for each in reversed(kept)],
                    label="events",
                    empty="Nothing like that has happened.",
                )
            with top:
                choices = [
                    ("Notable", _path(work, node, since, False), not is_all),
                    ("All", _path(work, node, since, True), is_all),
                ]
                tabs(choices, "which events")

            def show(part: Part[EventRow]) -> None:
                new = [
                    each
                    for each in part.items
                    if _is_wanted(each, query) and (not kept or each.number > kept[-1].number)
                ]
                if new:
                    kept.extend(new)
                    table.show([event_row(each) for each in reversed(kept)])

            if found.last:
                follow(console.live.events(found.last), show)


def _is_wanted(event: EventRow, query: EventQuery) -> bool:
    if query.notable and event.kind in _ROUTINE:
        return False
    return query.work in ("", event.work) and query.node in ("", event.node)


def _path(work: str, node: str, since: str, is_all: bool) -> str:
    said = {"work": work, "node": node, "since": "" if since == _EVER else since, "all": "true" if is_all else ""}
    query = urlencode({name: value for name, value in said.items() if value})
    return f"{path('events')}?{query}" if query else path("events")
