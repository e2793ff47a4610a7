"""Metrics of script jobs: whatever a job prints, what comes of it can be stored."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from coordinator.progress import Progress, missed
from coordinator.store.changes import Measured
from rpc.kept_log import KeptLog, Record

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each), max_leaves=3
)


def told(*lines: str, known: int = 0) -> list[Measured]:
    return Progress(known, known).take("job", [Record(7, "o", "p", line) for line in lines], 99)


def line(**values: object) -> str:
    return f"PROGRESS: {json.dumps(values)}"


def test_each_number_of_a_line_is_a_metric_at_the_lines_step() -> None:
    assert told(line(step=3, loss=0.5, fast=True, name="x")) == [
        Measured("job", "step", 3, 3.0, 7, 99),
        Measured("job", "loss", 3, 0.5, 7, 99),
        Measured("job", "fast", 3, 1.0, 7, 99),
    ]


def test_lines_that_name_no_step_are_counted_on() -> None:
    assert [each.step for each in told(line(loss=1), "PROGRESS: no JSON", line(loss=2), known=4)] == [5, 6]


def test_a_step_that_no_database_keeps_is_none() -> None:
    assert [each.step for each in told(line(step=1e300), line(epoch=-(10**40)), line(round=2**63))] == [1, 2, 3]


@given(st.integers(0, 30), st.lists(st.tuples(st.sampled_from("pi"), st.integers(0, 9)), max_size=30))
def test_what_a_crash_has_kept_from_the_store_is_taken_from_the_log_once(
    known: int, told: list[tuple[str, int]]
) -> None:
    records = [Record(at, "o", level, line(loss=value)) for at, (level, value) in enumerate(told)]
    with TemporaryDirectory() as folder:
        log = KeptLog(Path(folder) / "log")
        for record in records[:known]:
            log.append(record.encoded())
        known_to = log.end
        for record in records[known:]:
            log.append(record.encoded())
        assert missed(log, known_to) == [record for record in records[known:] if record.level == "p"]


@given(st.dictionaries(st.sampled_from(["step", "epoch", "loss", "\0", "\ud800"]) | st.text(), _JSON, max_size=5))
def test_what_a_job_tells_of_itself_fits_the_store(values: dict[str, object]) -> None:
    for each in told(line(**values)):
        assert -(2**63) <= each.step < 2**63
        assert abs(each.value) < float("inf")
