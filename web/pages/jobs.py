"""The list of script jobs."""

from __future__ import annotations

from nicegui import ui

from client.sizes import size
from rpc.messages import WorkRow
from web.pages.console import Console, Consoles
from web.pages.frame import button_link, frame, head, panel
from web.pages.routes import page
from web.pages.schedules import SchedulesPanel
from web.pages.words import note
from web.pages.work_list import Shown, filters, keep_fresh, pager, rows_of
from web.rest.names import JOBS
from web.widgets.rows import Cell, Column, Row, Rows, link

_COLUMNS = (
    Column("name", "name"),
    Column("state"),
    Column("id", "mono"),
    Column("took", "number"),
    Column("memory", "number"),
    Column("owner"),
    Column("why", "long"),
    Column("submitted", "number"),
)


def add(consoles: Consoles) -> None:
    @page(consoles, "/jobs")
    async def jobs(console: Console, state: str = "", owner: str = "", before: str = "") -> None:
        shown = Shown.asked(state, owner, before)
        found = await rows_of(console, shown, JOBS)
        schedules = await console.shared.call("list_schedules")
        with frame("Jobs", console.live, where="/jobs"):
            with head("Jobs"), ui.element("div").classes("acts-bar"):
                button_link("New job", "/jobs/new", is_main=True)
            with panel("Jobs") as top:
                table = Rows(
                    _COLUMNS,
                    [job_row(row) for row in found],
                    label="jobs",
                    empty="No job is like that."
                    if shown.state
                    else "There is no job yet. Begin with a line of Python:",
                    command="" if shown.state else "python client.py submit --code \"print('hello')\"",
                )
                pager("/jobs", shown, found)
            with top:
                filters("/jobs", shown)
            keep_fresh(console, shown, JOBS, table, job_row)
            SchedulesPanel(console, schedules)


def job_row(row: WorkRow) -> Row:
    """What the list says of a job."""
    took = (row.ended_ms - row.started_ms) / 1000 if row.ended_ms and row.started_ms else None
    cells: list[Cell] = [
        link(row.name or row.id, "jobs", row.id),
        {"state": row.state},
        row.id,
        {"took": took}
        if took is not None
        else {"since": row.started_ms}
        if row.started_ms and not row.ended_ms
        else "",
        size(row.usage.peak_memory_bytes) if row.usage and row.usage.peak_memory_bytes else "",
        row.owner,
        note(row),
        {"ago": row.submitted_ms},
    ]
    return {"key": row.id, "cells": cells, "tone": "bad" if row.state == "failed" else ""}
