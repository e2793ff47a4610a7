"""One training run: how far it is, its curves, who did what, and what it was asked to do."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from client.results import FINAL_STATES, run_of
from rpc.messages import AttemptRow, Checkpoint, EventQuery, RunSpec, WorkDetail
from web.pages.acting import button
from web.pages.console import Console, Consoles
from web.pages.event_rows import COLUMNS, event_row
from web.pages.feeds import look
from web.pages.frame import frame, head, panel
from web.pages.mistakes import Mistakes
from web.pages.routes import page
from web.pages.run_acts import RunActs
from web.pages.run_parts import StoredRounds, figures, nodes_of, settings
from web.pages.tiles import Tiles
from web.pages.words import note, shown
from web.rest.names import RUNS, find
from web.widgets.attempts_grid import AttemptsGrid
from web.widgets.badge import Badge
from web.widgets.curve import Curves
from web.widgets.rows import Cell, Column, Row, Rows, link

_ROUNDS = 30  # whose attempts are shown
_EVENTS = 30
_TRIES = (
    Column("task", "mono"),
    Column("state"),
    Column("node"),
    Column("cause"),
    Column("message", "long"),
    Column("at", "number"),
)
_TILES = ("Round", "Validation error", "Best", "Time", "Computing", "Set back")


def add(consoles: Consoles) -> None:
    @page(consoles, "/runs/{name}")
    async def run(console: Console, name: str) -> None:
        row = await find(console.door, name, RUNS)
        detail = await console.runs.detail(row.id)
        spec: RunSpec = await console.door.call("get_spec", row.id)
        checkpoints: tuple[Checkpoint, ...] = await console.shared.call("list_checkpoints", row.id)
        await RunPage(console, detail, spec, checkpoints).build()


class RunPage:
    """The page of one run, as somebody looks at it."""

    def __init__(
        self, console: Console, detail: WorkDetail, spec: RunSpec, checkpoints: tuple[Checkpoint, ...]
    ) -> None:
        self._console = console
        self._detail = detail
        self._spec = spec
        self._checkpoints = checkpoints
        self._attempts: tuple[AttemptRow, ...] = ()
        self._picked: tuple[int, int] | None = None
        self._last: int | None = None  # of the rounds whose attempts are shown; None: the newest

    async def build(self) -> None:
        """Build all of it, and have it follow the run."""
        row = self._detail.row
        with frame(row.id, self._console.live, where="/runs"):
            with head(row.name or row.id, ("Runs", "/runs")):
                self._badge = Badge(row.state)
                ui.label(shown(row.id)).classes("mono soft")
                self._acts = RunActs(self._console, row, self._spec)
            self._note = ui.label("").classes("note")
            self._tiles = Tiles(_TILES)
            with ui.element("div").classes("board"):
                self._build_curves()
                self._build_attempts()
                self._mistakes = Mistakes(self._console, row.id)
                with ui.element("div").classes("beside-it"):
                    self._nodes = nodes_of()
                    self._stored = StoredRounds(row.id)
                settings(self._spec, run_of(self._detail))
                with panel("What happened", beside="besides rounds and updates"):
                    self._events = Rows(COLUMNS, label="events", empty="Nothing has happened yet.")
            await self._see()
            if row.state not in FINAL_STATES:
                look(self._see)

    def _build_curves(self) -> None:
        with panel("Validation error", size="half"), ui.element("div").classes("panel-body"):
            self._errors = Curves(label="validation error by round")
        with panel("Loss", size="half"), ui.element("div").classes("panel-body twins"):
            self._losses = {name: Curves(label=name) for name in ("in training, summed", "on the validation set")}

    def _build_attempts(self) -> None:
        with (
            panel("Rounds", beside="who gave each update"),
            ui.element("div").classes("panel-body"),
        ):
            with ui.element("div").classes("acts-row"):
                for name, step in (("Earlier rounds", -_ROUNDS), ("Later rounds", _ROUNDS), ("Latest", 0)):
                    button(name, partial(self._turn, step), style="quiet")
            self._grid = AttemptsGrid(self._pick)
            self._tries = Rows(_TRIES, label="attempts of one task", empty="")
            self._tries.visible = False

    async def _turn(self, step: int) -> None:
        """Show earlier or later rounds; 0: the latest, as they come."""
        latest = self._detail.row.round + 1
        wanted = (self._last or latest) + step
        self._last = max(_ROUNDS - 1, wanted) if step and wanted < latest else None
        await self._show_attempts()

    async def _show_attempts(self) -> None:
        last = self._last or self._detail.row.round + 1
        first = max(0, last + 1 - _ROUNDS)
        self._attempts = await self._console.shared.call("list_attempts", self._detail.row.id, first, last)
        self._grid.show(self._attempts)
        self._show_tries()

    def _pick(self, round: int, shard: int) -> None:
        self._picked = (round, shard)
        self._show_tries()

    def _show_tries(self) -> None:
        rows = [row for row in self._attempts if (row.round, row.shard) == self._picked]
        self._tries.visible = bool(rows)
        self._tries.show([_try(number, row) for number, row in enumerate(rows)])

    async def _see(self) -> bool:
        shared, run_id = self._console.shared, self._detail.row.id
        self._detail = detail = await self._console.runs.detail(run_id)
        row, rounds = detail.row, run_of(detail).rounds
        self._checkpoints = await shared.call("list_checkpoints", run_id)
        events = await shared.call("list_events", EventQuery(run_id, limit=_EVENTS, notable=True))
        self._badge.show(row.state)
        self._note.text = note(row)
        self._note.visible = bool(self._note.text)
        self._note.classes(add="bad") if row.state == "failed" else self._note.classes(remove="bad")
        self._tiles.show(figures(detail))
        self._errors.show(
            {"on the validation set": [(r.round, r.validation_error) for r in rounds if r.validation_error is not None]}
        )
        training = [(float(r.round), r.train_loss) for r in rounds]
        validation = [(float(r.round), r.validation_loss) for r in rounds if r.validation_loss is not None]
        for (name, curve), points in zip(self._losses.items(), (training, validation), strict=True):
            curve.show({name: points})
        await self._show_attempts()
        self._nodes.show(_by_node(detail))
        self._stored.show(self._checkpoints)
        self._events.show([event_row(event) for event in reversed(events.events)])
        self._acts.show(detail, self._checkpoints)
        await self._mistakes.show(detail)
        return row.state not in FINAL_STATES


def _by_node(detail: WorkDetail) -> list[Row]:
    counts = sorted(run_of(detail).tasks_by_node.items(), key=lambda each: -each[1])
    most = max((number for _, number in counts), default=1) or 1
    return [
        {"key": node, "cells": [link(shown(node, 60), "nodes", node), {"share": number / most, "text": f"{number:,}"}]}
        for node, number in counts
    ]


def _try(number: int, row: AttemptRow) -> Row:
    cells: list[Cell] = [
        row.task.partition("/")[2],
        {"state": row.state},
        shown(row.node, 60),
        row.cause,
        shown(row.message, 300),
        {"clock": row.at_ms} if row.at_ms else "",
    ]
    return {"key": str(number), "cells": cells}
