"""The first page: what runs, what waits and why, the nodes at a glance."""

from __future__ import annotations

import time
from collections import deque

from nicegui import ui

from client.results import FINAL_STATES
from client.sizes import size
from client.status import by_state, headline
from rpc.messages import Overview, WorkRow
from web.latest import Seen
from web.pages.console import Console, Consoles
from web.pages.feeds import follow
from web.pages.frame import button_link, frame, head, panel
from web.pages.node_rows import GLANCE, glance_row
from web.pages.routes import page
from web.pages.tiles import Tiles
from web.pages.words import eta_s, kind_path, note, rate, rounds, shown
from web.widgets.rows import Cell, Column, Row, Rows, link

_RUNNING = (
    Column("name", "name"),
    Column("state"),
    Column("progress"),
    Column("round", "number"),
    Column("left", "number"),
    Column("error"),
    Column("since", "number"),
)
_WAITING = (Column("name", "name"), Column("state"), Column("waits for", "long"), Column("since", "number"))
_ENDED = (
    Column("name", "name"),
    Column("state"),
    Column("error", "number"),
    Column("took", "number"),
    Column("why", "long"),
    Column("ended", "number"),
)
_TILES = ("At work", "Waiting", "Nodes", "Slots busy", "Rounds", "Traffic")
_FIRST = "python client.py submit letters --rounds 20 --epochs 5 --hidden 64 --eta 0.05 --optimizer sgd"


def add(consoles: Consoles) -> None:
    @page(consoles, "/")
    async def overview(console: Console) -> None:
        now = await console.glance()
        with frame("Overview", console.live, where="/"):
            with head("Overview"):
                version = ui.label("").classes("spring")
                with ui.element("div").classes("acts-bar"):
                    button_link("New job", "/jobs/new")
                    button_link("New run", "/runs/new", is_main=True)
            tiles = Tiles(_TILES)
            with ui.element("div").classes("board"):
                with panel("At work"):
                    running = Rows(
                        _RUNNING,
                        label="what is at work",
                        empty="Nothing is at work. Begin with a run on the bundled letters:",
                        command=_FIRST,
                    )
                with panel("Waiting", size="half"):
                    waiting = Rows(_WAITING, label="what waits", empty="Nothing waits.")
                with panel("Nodes", size="half"):
                    nodes = Rows(
                        GLANCE,
                        label="nodes",
                        empty="No node is here yet. Start one:",
                        command="python compute_node.py 9091",
                    )
                with panel("Ended"):
                    ended = Rows(_ENDED, label="what has ended", empty="Nothing has ended yet.")
            speed = _Speed()

            def show(now: Overview) -> None:
                version.text = shown(headline(now))
                tiles.show(_figures(now, speed))
                running.show([_running(row, console) for row in now.work if row.state == "running"])
                waiting.show([_waiting(row) for row in now.work if row.state == "pending"])
                ended.show([_ended(row) for row in now.work if row.state in FINAL_STATES][:12])
                nodes.show([glance_row(row, console.load) for row in now.nodes if row.state != "removed"][:20])

            def seen(told: Seen[Overview]) -> None:
                if told.now is not None:
                    show(told.now)

            show(now)
            follow(console.overview(), seen)


class _Speed:
    """Rounds and bytes a second, over the last moments."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque(maxlen=10)

    def of(self, now: Overview) -> tuple[float, float]:
        self._seen.append((time.monotonic(), now.rounds, now.bytes_sent + now.bytes_received))
        (began, rounds, size), (at, its_rounds, its_size) = self._seen[0], self._seen[-1]
        spent = max(at - began, 1.0)
        return (its_rounds - rounds) / spent, (its_size - size) / spent


def _figures(now: Overview, speed: _Speed) -> list[tuple[str, str]]:
    here = [node for node in now.nodes if node.state not in ("lost", "removed", "connecting")]
    a_second, n_bytes = speed.of(now)
    ended = ", ".join(f"{number:,} {state}" for state, number in sorted(now.ended.items()) if number)
    return [
        (f"{now.running:,}", ended or "none has ended"),
        (f"{now.pending:,}", "for their turn or for nodes" if now.pending else "nothing has to wait"),
        (f"{len(here)}", shown(by_state(now.nodes)) if now.nodes else "none is known"),
        (f"{sum(node.running for node in here)} / {sum(node.slots for node in here)}", shown(now.policy)),
        (f"{now.rounds:,}", f"{a_second:.1f} a second"),
        (f"{size(n_bytes)}/s", f"{size(now.bytes_sent)} out, {size(now.bytes_received)} in"),
    ]


def _running(row: WorkRow, console: Console) -> Row:
    left = eta_s(row)
    done = row.tasks_done / row.tasks_total if row.tasks_total else 0.0
    curve = console.errors.of(row)
    error = rate(row.validation_error)
    cells: list[Cell] = [
        link(row.name or row.id, kind_path(row), row.id),
        {"state": row.state},
        {"share": done, "text": f"{100 * done:.0f} %"} if row.rounds else "",
        rounds(row) if row.rounds else "",
        {"took": left} if left is not None else "",
        {"spark": curve, "label": "validation error by round", "text": error} if len(curve) > 1 else error,
        {"since": row.started_ms} if row.started_ms else "",
    ]
    return {"key": row.id, "cells": cells}


def _waiting(row: WorkRow) -> Row:
    reason = note(row).removeprefix("waiting for ")
    return {
        "key": row.id,
        "cells": [
            link(row.name or row.id, kind_path(row), row.id),
            {"state": row.state},
            reason,
            {"since": row.submitted_ms},
        ],
    }


def _ended(row: WorkRow) -> Row:
    cells: list[Cell] = [
        link(row.name or row.id, kind_path(row), row.id),
        {"state": row.state},
        rate(row.validation_error),
        {"took": (row.ended_ms - row.started_ms) / 1000} if row.started_ms else "",
        shown(row.reason),
        {"ago": row.ended_ms},
    ]
    return {"key": row.id, "cells": cells, "tone": "bad" if row.state == "failed" else ""}
