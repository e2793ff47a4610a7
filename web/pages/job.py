"""One script job: its log as it comes, its progress, what it used and what it has left."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace

from nicegui import ui

from client.jobs import ARRAY, job_of
from client.results import FINAL_STATES
from client.sizes import size
from rpc.messages import DataFile, EventQuery, JobDetail, Metric, WorkDetail, WorkRow
from web.log_lines import LogLine
from web.pages.array import ArrayPage
from web.pages.asked import show_asked
from web.pages.console import Console, Consoles
from web.pages.event_rows import COLUMNS, event_row
from web.pages.feeds import follow, look
from web.pages.frame import frame, head, panel
from web.pages.job_acts import JobActs
from web.pages.routes import page
from web.pages.tiles import Tiles
from web.pages.words import note, seconds, shown
from web.pages.work_list import Shown
from web.rest.names import JOBS, find
from web.streams import Part
from web.widgets.badge import Badge
from web.widgets.curve import Curves
from web.widgets.log_view import LogView
from web.widgets.rows import Column, Row, Rows, path

_TILES = ("Time", "Processor", "Memory, peak", "Disk, peak", "Node", "Tries")
_MOST_CURVES = 12
_MOST_POINTS = 5000  # of all curves together
_EVENTS = 30


def add(consoles: Consoles) -> None:
    @page(consoles, "/jobs/{name}")
    async def job(console: Console, name: str, state: str = "", before: str = "") -> None:
        row = await find(console.door, name, JOBS)
        detail: WorkDetail = await console.shared.call("get_work", row.id)
        if row.kind == ARRAY:
            await ArrayPage(console, detail, replace(Shown.asked(state, "", before), array=row.id)).build()
        else:
            await JobPage(console, detail).build()


class JobPage:
    """The page of one job, as somebody looks at it."""

    def __init__(self, console: Console, detail: WorkDetail) -> None:
        self._console = console
        self._detail = detail
        self._curves: dict[str, Curves] = {}
        self._points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._n_points = 0

    async def build(self) -> None:
        """Build all of it, and have it follow the job."""
        row, job = self._detail.row, job_of(self._detail)
        has_ended = row.state in FINAL_STATES
        with frame(row.id, self._console.live, where="/jobs"):
            with head(row.name or row.id, ("Jobs", "/jobs")):
                self._badge = Badge(row.state)
                ui.label(shown(row.id)).classes("mono soft")
                self._acts = JobActs(self._console, row)
            self._note = ui.label("").classes("note")
            self._tiles = Tiles(_TILES)
            with ui.element("div").classes("board"):
                self._progress_panel = ui.element("div").classes("panel")
                with self._progress_panel, ui.element("div").classes("panel-body"):
                    self._progress = ui.element("div").classes("curves")
                with ui.element("div").classes("panel"):
                    self._log = LogView(row.id, job.log_bytes, has_ended=has_ended)
                with panel("Artifacts", size="half"):
                    columns = (Column("name", "name"), Column("size", "number"), Column("SHA-256", "mono"))
                    self._artifacts = Rows(
                        columns, label="artifacts", empty="What a job leaves in out/ is here once it has ended."
                    )
                with panel("Asked for", size="half"), ui.element("div").classes("panel-body"):
                    show_asked(job)
                with panel("What happened"):
                    self._events = Rows(COLUMNS, label="events", empty="Nothing has happened yet.")
            await self._see()
            follow(self._console.live.metrics(row.id), self._plot)
            if not has_ended:
                follow(self._console.live.log(row.id, job.log_bytes), self._grow)
                look(self._see)

    def _grow(self, part: Part[LogLine]) -> None:
        self._log.grow(part.next, has_ended=part.is_last)

    def _plot(self, part: Part[Metric]) -> None:
        for metric in part.items:
            if metric.name == "step":
                continue  # it is what the others are drawn over
            self._n_points += 1
            if self._n_points <= _MOST_POINTS and (metric.name in self._points or len(self._points) < _MOST_CURVES):
                self._points[metric.name].append((float(metric.step), metric.value))
        for name in {metric.name for metric in part.items} & {*self._points}:
            if name not in self._curves:
                with self._progress:
                    self._curves[name] = Curves(label=shown(name, 60), across="step")
            self._curves[name].show({shown(name, 60): self._points[name]})
        self._progress_panel.visible = bool(self._points)

    async def _see(self) -> bool:
        shared, job_id = self._console.shared, self._detail.row.id
        self._detail = detail = await shared.call("get_work", job_id)
        events = await shared.call("list_events", EventQuery(job_id, limit=_EVENTS))
        row, job = detail.row, job_of(detail)
        self._badge.show(row.state)
        self._note.text = note(row)
        self._note.visible = bool(self._note.text)
        self._note.classes(add="bad") if row.state == "failed" else self._note.classes(remove="bad")
        self._tiles.show(_figures(detail))
        self._progress_panel.visible = bool(self._points)
        self._artifacts.show([_artifact(row.id, number, each) for number, each in enumerate(job.artifacts)])
        self._events.show([event_row(event) for event in reversed(events.events)])
        self._acts.show(row)
        if row.state in FINAL_STATES:
            self._artifacts.say_empty("It has left nothing in out/.")
            self._log.grow(job.log_bytes, has_ended=True)
        return row.state not in FINAL_STATES


def _figures(detail: WorkDetail) -> list[tuple[str, str]]:
    row, job = detail.row, job_of(detail)
    use = job.usage
    return [
        _time(row, job),
        (seconds(use.cpu_s), f"{_counted(use.processes, 'process', 'processes')} at most" if use.processes else ""),
        _peak(use.peak_memory_bytes, use.memory_bytes, is_over=bool(row.ended_ms)),
        _peak(use.peak_disk_bytes, use.disk_bytes, is_over=bool(row.ended_ms)),
        (shown(job.node, 60) or "-", shown(f"in {job.sandbox}" if job.sandbox else "", 60)),
        (str(job.attempts), f"{size(job.log_bytes)} of log"),
    ]


def _time(row: WorkRow, job: JobDetail) -> tuple[str, str]:
    if not row.started_ms:
        return row.state, ""
    if row.ended_ms:
        return seconds((row.ended_ms - row.started_ms) / 1000), f"ended with status {job.status}"
    return seconds(max(0.0, time.time() - row.started_ms / 1000)), job.phase or row.state


def _peak(most: int, now: int, *, is_over: bool) -> tuple[str, str]:
    """The two are measured in different ways, but the most is never less than what is used now."""
    return size(max(most, now)) if most or now else "-", f"{size(now)} now" if now and not is_over else ""


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _artifact(job_id: str, number: int, file: DataFile) -> Row:
    href = f"/api/v1{path('jobs', job_id, 'artifacts', str(number))}"
    return {
        "key": str(number),
        "cells": [{"text": file.file, "href": href}, size(file.size), file.blob.removeprefix("sha256:")[:16]],
    }
