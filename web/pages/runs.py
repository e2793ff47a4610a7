"""The list of training runs."""

from __future__ import annotations

from nicegui import ui

from rpc.messages import WorkRow
from web.pages.acting import button
from web.pages.console import Console, Consoles
from web.pages.frame import button_link, frame, head, panel
from web.pages.routes import page
from web.pages.words import eta_s, note, rate, rounds
from web.pages.work_list import Shown, filters, keep_fresh, pager, rows_of
from web.rest.names import RUNS
from web.widgets.rows import Cell, Column, Row, Rows, link

_COLUMNS = (
    Column("name", "name"),
    Column("state"),
    Column("id", "mono"),
    Column("round", "number"),
    Column("error", "number"),
    Column("left", "number"),
    Column("took", "number"),
    Column("owner"),
    Column("why", "long"),
    Column("submitted", "number"),
)
_FIRST = "python client.py submit letters --rounds 20 --epochs 5 --hidden 64 --eta 0.05 --optimizer sgd"
_MOST_COMPARED = 6


def add(consoles: Consoles) -> None:
    @page(consoles, "/runs")
    async def runs(console: Console, state: str = "", owner: str = "", before: str = "") -> None:
        shown = Shown.asked(state, owner, before)
        found = await rows_of(console, shown, RUNS)
        picked: list[str] = []
        with frame("Runs", console.live, where="/runs"):
            with head("Runs"), ui.element("div").classes("acts-bar"):
                button_link("New run", "/runs/new", is_main=True)
            with panel("Runs") as top:
                table = Rows(
                    _COLUMNS,
                    [_row(row) for row in found],
                    label="runs",
                    empty="No run is like that."
                    if shown.state
                    else "There is no run yet. Begin with the bundled letters:",
                    command="" if shown.state else _FIRST,
                    on_pick=lambda keys: _note(picked, keys),
                )
                pager("/runs", shown, found)
            with top:
                filters("/runs", shown)
                button("Compare", lambda: _compare(picked))
            keep_fresh(console, shown, RUNS, table, _row)


def _note(picked: list[str], keys: list[str]) -> None:
    picked[:] = keys[-_MOST_COMPARED:]


async def _compare(picked: list[str]) -> None:
    if len(picked) < 2:
        ui.notify("Choose two runs or more, by the boxes at the left.")
    else:
        ui.navigate.to(f"/runs/compare?ids={','.join(picked)}")


def _row(row: WorkRow) -> Row:
    left = eta_s(row)
    took = (row.ended_ms - row.started_ms) / 1000 if row.ended_ms and row.started_ms else None
    cells: list[Cell] = [
        link(row.name or row.id, "runs", row.id),
        {"state": row.state},
        row.id,
        rounds(row),
        rate(row.validation_error),
        {"took": left} if left is not None else "",
        {"took": took}
        if took is not None
        else {"since": row.started_ms}
        if row.started_ms and not row.ended_ms
        else "",
        row.owner,
        note(row),
        {"ago": row.submitted_ms},
    ]
    return {"key": row.id, "cells": cells, "tone": "bad" if row.state == "failed" else ""}
