"""What there is to export of a run or a job: its settings, its series of numbers, how it ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rpc.messages import DataFile, Metric, RoundRow, RunDetail, RunSpec, ScriptSpec, WorkDetail, WorkRow

_SERIES = tuple(field.name for field in dataclasses.fields(RoundRow) if field.name != "round")


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a series; `at_ms` is 0 where nobody knows the time, else since 1970."""

    series: str
    step: int
    value: float
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """Attributes:
    settings: what was asked for; values are text, numbers, lists of them, or None.
    points: by step, and of one step in a fixed order; all finite.
    """

    row: WorkRow
    settings: Mapping[str, Any]
    points: Sequence[Point]


def run_history(detail: WorkDetail, run: RunDetail, spec: RunSpec) -> History:
    """The rounds of a run, numbered from 1; their times are spread over the run by how long each took."""
    return History(detail.row, _plain(spec), tuple(_round_points(detail.row, run.rounds)))


def job_history(detail: WorkDetail, spec: ScriptSpec, metrics: Sequence[Metric]) -> History:
    """What a script job told of itself in lines `PROGRESS: {...}`."""
    points = (Point(each.name, each.step, each.value, each.at_ms) for each in metrics if isfinite(each.value))
    return History(detail.row, _plain(spec), tuple(sorted(points, key=lambda point: point.step)))


def _round_points(row: WorkRow, rounds: Sequence[RoundRow]) -> Iterator[Point]:
    at_ms = float(row.started_ms)
    for each in rounds:
        at_ms += each.seconds * 1000.0
        for name in _SERIES:
            value = getattr(each, name)
            if value is not None and isfinite(value):
                yield Point(name, each.round, float(value), round(at_ms))


def _plain(spec: RunSpec | ScriptSpec) -> dict[str, Any]:
    return {field.name: _plain_value(getattr(spec, field.name)) for field in dataclasses.fields(spec)}


def _plain_value(value: Any) -> Any:
    match value:
        case DataFile():
            return value.file
        case Mapping():
            return {str(name): _plain_value(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain_value(each) for each in value]
        case float() if not isfinite(value):
            return None
        case bool() | int() | float() | str() | None:
            return value
    return str(value)
