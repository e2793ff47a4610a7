"""One array of script jobs: how many of its jobs are in which state, and each of them."""

from __future__ import annotations

import time

from nicegui import ui

from client.jobs import job_of
from client.results import FINAL_STATES
from rpc.messages import EventQuery, WorkDetail, WorkRow
from web.pages.asked import show_asked
from web.pages.console import Console
from web.pages.event_rows import COLUMNS, event_row
from web.pages.feeds import look
from web.pages.frame import frame, head, panel
from web.pages.job_acts import ArrayActs
from web.pages.jobs import job_row
from web.pages.tiles import Tiles
from web.pages.words import note, seconds, shown
from web.pages.work_list import STATES, Shown, filters, pager, rows_of
from web.rest.names import JOBS
from web.widgets.badge import Badge
from web.widgets.rows import Column, Row, Rows, path

_TILES = ("Jobs", "Time", *(state.capitalize() for state in STATES if state != "cancelled"))
_MEMBERS = (
    Column("index", "name"),
    Column("state"),
    Column("took", "number"),
    Column("memory", "number"),
    Column("why", "long"),
    Column("submitted", "number"),
)
_LOOK_S = 2.0
_EVENTS = 30


class ArrayPage:
    """The page of one array, as somebody looks at it."""

    def __init__(self, console: Console, detail: WorkDetail, listed: Shown) -> None:
        """`listed` is which of its jobs are shown."""
        self._console = console
        self._detail = detail
        self._listed = listed

    async def build(self) -> None:
        """Build all of it, and have it follow the array."""
        row, job = self._detail.row, job_of(self._detail)
        here = path("jobs", row.id)
        members = await rows_of(self._console, self._listed, JOBS)
        with frame(row.id, self._console.live, where="/jobs"):
            with head(row.name or row.id, ("Jobs", "/jobs")):
                self._badge = Badge(row.state)
                ui.label(shown(row.id)).classes("mono soft")
                self._acts = ArrayActs(self._console, row)
            self._note = ui.label("").classes("note")
            self._tiles = Tiles(_TILES)
            with ui.element("div").classes("board"):
                with panel("Its jobs") as top:
                    self._members = Rows(_MEMBERS, label="its jobs", empty="No job of it is like that.")
                    pager(here, self._listed, members)
                with top:
                    filters(here, self._listed)
                with panel("What happened", size="half"):
                    self._events = Rows(COLUMNS, label="events", empty="Nothing has happened yet.")
                with panel("Asked for", size="half"), ui.element("div").classes("panel-body"):
                    show_asked(job)
            await self._see()
            if row.state not in FINAL_STATES:
                look(self._see, _LOOK_S)

    async def _see(self) -> bool:
        shared, array_id = self._console.shared, self._detail.row.id
        self._detail = detail = await shared.call("get_work", array_id)
        members = await rows_of(self._console, self._listed, JOBS)
        events = await shared.call("list_events", EventQuery(array_id, limit=_EVENTS))
        row = detail.row
        self._badge.show(row.state)
        self._note.text = note(row) if row.reason or row.waiting_for else ""
        self._note.visible = bool(self._note.text)
        self._note.classes(add="bad") if row.state == "failed" else self._note.classes(remove="bad")
        self._tiles.show(_figures(row))
        self._members.show([_member(each) for each in members])
        self._events.show([event_row(event) for event in reversed(events.events)])
        self._acts.show(row)
        return row.state not in FINAL_STATES


def _figures(row: WorkRow) -> list[tuple[str, str]]:
    members = row.members
    until_s = row.ended_ms / 1000 if row.ended_ms else time.time()
    cancelled = members.get("cancelled", 0)
    return [
        (f"{sum(members.values()):,}", f"{cancelled:,} cancelled" if cancelled else ""),
        (seconds(max(0.0, until_s - row.started_ms / 1000)) if row.started_ms else row.state, ""),
        *((f"{members.get(state, 0):,}", "") for state in STATES if state != "cancelled"),
    ]


def _member(row: WorkRow) -> Row:
    """A row of the list of jobs, named by its index, without what all of them share."""
    _, state, _, took, memory, _, why, submitted = job_row(row)["cells"]
    index = {"text": f"{row.array_index}", "href": path("jobs", row.id)}
    tone = "bad" if row.state == "failed" else ""
    return {"key": row.id, "cells": [index, state, took, memory, why, submitted], "tone": tone}
