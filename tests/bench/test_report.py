"""Tests of the report."""

from __future__ import annotations

from bench.goals import Bound, Goal, value
from bench.report import number, report
from bench.results import Results

GOALS = [
    Goal("reached", value("a/ms"), Bound.AT_MOST, 2.0, 1.0),
    Goal("missed", value("a/ms"), Bound.AT_MOST, 0.5),
    Goal("unknown", value("b/ms"), Bound.AT_LEAST, 0.5),
]


def test_the_report_holds_machine_goals_figures_and_who_was_left_out() -> None:
    results = Results(samples={"a/ms": [0.5, 0.75, 1.0]}, left_out={"b": "not installed: b"}, machine={"system": "S 1"})
    lines = report(results, GOALS, ["core.svg"]).splitlines()
    assert "| system | S 1 |" in lines
    assert "| reached | at most 2 | at most 1 | 0.75 | aim reached |" in lines
    assert "| missed | at most 0.5 |  | 0.75 | GATE MISSED |" in lines
    assert "| unknown | at least 0.5 |  | - | not measured |" in lines
    assert "| a/ms | 0.75 | 0.5 | 1 | 3 |" in lines
    assert "| b | not installed: b |" in lines
    assert "![core.svg](core.svg)" in lines


def test_numbers_have_three_digits_and_large_ones_are_whole() -> None:
    assert [number(found) for found in (0.012345, 1.2345, 123.45, 12345.6)] == ["0.0123", "1.23", "123", "12,346"]
