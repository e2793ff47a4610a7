"""Runs side by side: their curves over each other, and what was set otherwise."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from nicegui import ui

from client.results import FINAL_STATES, run_of
from rpc.messages import RunSpec, WorkDetail
from web.pages.console import Console, Consoles
from web.pages.feeds import look
from web.pages.frame import frame, head, panel
from web.pages.routes import page
from web.pages.words import rate, seconds, setting, shown
from web.widgets.curve import Curves
from web.widgets.rows import Column, Row, Rows, link

_MOST = 6
_NOT_SETTINGS = ("key", "shards", "validation", "name")


def add(consoles: Consoles) -> None:
    @page(consoles, "/runs/compare")
    async def compare(console: Console, ids: str = "") -> None:
        names = [each for each in ids.split(",") if each][:_MOST]
        details = await _details(console, names)
        specs: list[RunSpec] = list(
            await asyncio.gather(*(console.door.call("get_spec", each.row.id) for each in details))
        )
        with frame("Compare runs", console.live, where="/runs"):
            with head("Compare runs", ("Runs", "/runs")):
                pass
            if len(details) < 2:
                ui.label("Choose two runs or more in the list of runs, by the boxes at the left.").classes("note")
                return
            with ui.element("div").classes("board"):
                with panel("Validation error", size="half"), ui.element("div").classes("panel-body"):
                    errors = Curves(label="validation error by round")
                with panel("Loss in training", size="half"), ui.element("div").classes("panel-body"):
                    losses = Curves(label="loss in training by round")
                with panel("Results"):
                    results = Rows(_result_columns(), label="results")
                with panel("Set otherwise"):
                    columns = [
                        Column("setting", "mono"),
                        *(Column(shown(each.row.name or each.row.id, 40)) for each in details),
                    ]
                    Rows(columns, _differences(specs), label="settings that differ", empty="All settings are the same.")

            async def see() -> bool:
                now = await _details(console, names)
                errors.show({_name(each): _errors(each) for each in now})
                losses.show({_name(each): [(r.round, r.train_loss) for r in run_of(each).rounds] for each in now})
                results.show([_result(each) for each in now])
                return any(each.row.state not in FINAL_STATES for each in now)

            await see()
            look(see)


async def _details(console: Console, names: list[str]) -> list[WorkDetail]:
    return list(await asyncio.gather(*(console.runs.detail(name) for name in names)))


def _name(detail: WorkDetail) -> str:
    return shown(f"{detail.row.name or 'run'} {detail.row.id.rpartition('-')[2]}", 60)


def _errors(detail: WorkDetail) -> list[tuple[float, float]]:
    return [(r.round, r.validation_error) for r in run_of(detail).rounds if r.validation_error is not None]


def _differences(specs: list[RunSpec]) -> list[Row]:
    said = [asdict(spec) for spec in specs]
    names = [
        name for name in said[0] if name not in _NOT_SETTINGS and any(each[name] != said[0][name] for each in said)
    ]
    return [{"key": name, "cells": [name, *(shown(setting(each[name]), 100) for each in said)]} for name in names]


def _result_columns() -> tuple[Column, ...]:
    words = ("last error", "best error", "rounds", "computing", "rejections", "retries")
    return (Column("run", "name"), Column("state"), *(Column(word, "number") for word in words))


def _result(detail: WorkDetail) -> Row:
    row, run = detail.row, run_of(detail)
    best = min((error for _, error in _errors(detail)), default=None)
    cells = [
        link(row.name or row.id, "runs", row.id),
        {"state": row.state},
        rate(row.validation_error),
        rate(best),
        f"{row.round} / {row.rounds}",
        seconds(sum(each.compute_s for each in run.rounds)),
        f"{run.rejections:,}",
        f"{run.retries:,}",
    ]
    return {"key": row.id, "cells": cells}
