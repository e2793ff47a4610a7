"""The parts of a run's page that only tell: figures, settings, nodes, stored rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from nicegui import ui

from client.results import run_of, seconds_of
from client.sizes import size
from client.status import count
from rpc.messages import Checkpoint, RunDetail, RunSpec, WorkDetail
from web.pages.frame import panel
from web.pages.words import eta_s, rate, seconds, setting, shown
from web.widgets.rows import Cell, Column, Row, Rows, path

_TOLD = (
    "rounds",
    "epochs",
    "hidden",
    "eta",
    "optimizer",
    "batch_size",
    "seed",
    "dtype",
)  # told even where they are usual
_NOT_SETTINGS = ("name", "shards", "validation", "key", "owner", "parent", "parent_round", "verifies")
_FORMATS = ("safetensors", "npz", "onnx")


def figures(detail: WorkDetail) -> list[tuple[str, str]]:
    """The large figures of a run, each with a word."""
    row, run = detail.row, run_of(detail)
    errors = [(r.validation_error, r.round) for r in run.rounds if r.validation_error is not None]
    best, at = min(errors, default=(None, 0))
    left = eta_s(row)
    spent = seconds_of(row) if row.ended_ms and row.started_ms else None
    computing = sum(r.compute_s for r in run.rounds)
    return [
        (f"{row.round} / {row.rounds}", f"{row.tasks_done:,} of {row.tasks_total:,} tasks"),
        (rate(row.validation_error) or "-", "after the last round" if errors else "after the first round"),
        (rate(best) or "-", f"after round {at}" if errors else ""),
        (
            seconds(spent) if spent is not None else seconds(left) if left is not None else "-",
            "from start to end" if spent is not None else "left, as it seems",
        ),
        (seconds(computing), f"{size(run.bytes_sent + run.bytes_received)} moved"),
        (f"{run.retries:,}", f"retries; {run.rejections:,} turned down"),
    ]


def settings(spec: RunSpec, run: RunDetail) -> None:
    """What was asked for; what is as usual goes without saying."""
    usual = asdict(RunSpec(name="", shards=(), validation=spec.validation, rounds=0, epochs=0, hidden=(), eta=0.0))
    said = asdict(spec)
    told = [name for name in said if name in _TOLD or (name not in _NOT_SETTINGS and said[name] != usual[name])]
    rows = sum(shard.size for shard in spec.shards)
    with panel("Settings"), ui.element("div").classes("panel-body"), ui.element("dl").classes("facts wide"):
        _fact("data", f"{count(len(spec.shards), 'shard')}, {size(rows)}; {spec.validation.file}")
        if run.layers:
            _fact("layers", " - ".join(map(str, run.layers)))
        if spec.parent:
            _fact("goes on from", f"{spec.parent}, round {spec.parent_round or 'the last'}")
        if spec.owner:
            _fact("owner", spec.owner)
        for name in told:
            _fact(name, setting(said[name]))
        if run.numeric_class:
            _fact("numeric class", run.numeric_class)
        if run.model_sha256:
            _fact("model, SHA-256", run.model_sha256)


def nodes_of() -> Rows:
    """How many tasks each node did."""
    with panel("Nodes"):
        return Rows((Column("node", "name"), Column("tasks done")), label="tasks by node", empty="No task is done yet.")


class StoredRounds:
    """The rounds that can be branched from, with their models."""

    def __init__(self, run_id: str) -> None:
        self._id = run_id
        columns = (Column("round", "number"), Column("error", "number"), Column("download"))
        with panel("Stored models"):
            self._rows = Rows(columns, label="stored models", empty="No round is stored yet.")

    def show(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._rows.show([self._row(each) for each in reversed(checkpoints)])

    def _row(self, stored: Checkpoint) -> Row:
        base = f"/api/v1{path('runs', self._id, 'model')}?round={stored.round}&format="
        files: Cell = {"links": [{"text": form, "href": base + form} for form in _FORMATS]}
        return {"key": str(stored.round), "cells": [str(stored.round), rate(stored.validation_error), files]}


def _fact(name: str, text: str) -> None:
    with ui.element("div").classes("fact"):
        with ui.element("dt"):
            ui.label(name)
        with ui.element("dd"):
            ui.label(shown(text))
