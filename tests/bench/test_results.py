"""Tests of the samples and what is made of them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench.results import Results

TIMES = st.lists(st.floats(0.001, 1000.0), min_size=1, max_size=9)


def filled(**samples: list[float]) -> Results:
    return Results(samples={name.replace("_", "/"): values for name, values in samples.items()})


def test_a_ratio_compares_neighbours_in_time_not_medians() -> None:
    # The machine slows down threefold on the way: every pair still says 2.
    results = filled(a_ms=[2.0, 4.0, 6.0], b_ms=[1.0, 2.0, 3.0])
    assert results.ratio("a/ms", "b/ms") == 2.0


def test_what_was_not_measured_is_none() -> None:
    results = filled(a_ms=[1.0])
    assert (results.median("b/ms"), results.best("b/ms"), results.ratio("a/ms", "b/ms")) == (None, None, None)


@given(TIMES, st.floats(0.01, 100.0))
def test_a_ratio_does_not_depend_on_the_unit(times: list[float], unit: float) -> None:
    results = filled(a_ms=times, b_ms=[time * unit for time in times])
    found = results.ratio("b/ms", "a/ms")
    assert found is not None
    assert abs(found / unit - 1.0) < 1e-9


def test_results_survive_their_file(tmp_path: Path) -> None:
    results = filled(a_ms=[1.0, 2.5])
    results.leave_out("b", "not installed")
    results.machine["system"] = "a test"
    results.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == results
