"""The jobs that are started again and again, below the list of jobs; there is nothing where there are none."""

from __future__ import annotations

from nicegui import ui

from rpc.messages import Schedule
from web.pages.acting import attempt, confirmed
from web.pages.console import Console
from web.pages.feeds import look
from web.pages.frame import panel
from web.pages.words import shown
from web.rest.schedules import order
from web.widgets.rows import Cell, Column, Row, Rows, link

_COLUMNS = (
    Column("name", "name"),
    Column("state"),
    Column("when", "mono"),
    Column("zone"),
    Column("next", "number"),
    Column("last job"),
    Column("owner"),
    Column("last time", "long"),
    Column("", "acts"),
)
_LOOK_S = 2.0


class SchedulesPanel:
    """All schedules, with what can be done about each."""

    def __init__(self, console: Console, known: tuple[Schedule, ...]) -> None:
        self._console = console
        self._frame = ui.element("div").classes("board")
        with self._frame, panel("Again and again", beside="jobs that are started at these times"):
            self._table = Rows(_COLUMNS, label="schedules", on_act=self._act)
        self._show(known)
        look(self._see, _LOOK_S)

    def _show(self, known: tuple[Schedule, ...]) -> None:
        self._table.show([_row(each) for each in known])
        self._frame.visible = bool(known)

    async def _see(self) -> bool:
        self._show(await self._console.shared.call("list_schedules"))
        return True

    async def _act(self, name: str, act: str) -> None:
        if act == "remove" and not await confirmed(
            "Remove this schedule?", f"{name} starts nothing any more; jobs that it has started stay.", "Remove"
        ):
            return
        if await attempt(lambda: order(self._console.door, name, act), "Done."):
            self._show(await self._console.door.call("list_schedules"))


def _row(known: Schedule) -> Row:
    state = "paused" if known.paused else "active" if known.next_ms else "over"
    cells: list[Cell] = [
        shown(known.spec.name) or known.id,
        {"state": state},
        shown(known.cron),
        shown(known.zone),
        {"until": known.next_ms} if state == "active" else "",
        link(known.last_job, "jobs", known.last_job) if known.last_job else "",
        known.spec.owner,
        shown(known.fault),
        {"acts": ["resume" if known.paused else "pause", "remove"]},
    ]
    return {"key": known.id, "cells": cells, "tone": "bad" if known.fault else ""}
