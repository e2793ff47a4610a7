"""Histories as CSV, a line for each step, and as JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

from client.exports.history import History


def as_csv(history: History) -> str:
    """A column for each series; a cell is empty where there is no value at a step; of several the last counts."""
    series = list(dict.fromkeys(point.series for point in history.points))
    rows: dict[int, dict[str, float]] = {}
    for point in history.points:
        rows.setdefault(point.step, {})[point.series] = point.value
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", *map(_harmless, series)])
    for step, values in sorted(rows.items()):
        writer.writerow([step, *(_number(values[name]) if name in values else "" for name in series)])
    return text.getvalue()


def as_json(history: History) -> str:
    """One document: `work`, `settings`, and `series`, which maps names to lists of [step, value, ms since 1970]."""
    series: dict[str, list[tuple[int, float, int]]] = {}
    for point in history.points:
        series.setdefault(point.series, []).append((point.step, point.value, point.at_ms))
    about = {"work": dataclasses.asdict(history.row), "settings": history.settings, "series": series}
    return json.dumps(about, indent=2, allow_nan=False) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _harmless(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
