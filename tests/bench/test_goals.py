"""Tests of gates and aims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.goals import Bound, Goal, Verdict, ratio_of_best, value
from bench.results import Results
from bench.sittings import ALL, GOALS


def results(found: float) -> Results:
    return Results(samples={"x": [found]})


TIME = Goal("time", value("x"), Bound.AT_MOST, 2.0, 1.0)
SPEED = Goal("speed", value("x"), Bound.AT_LEAST, 1.0, 2.0)
ONLY_AIM = Goal("only an aim", value("x"), Bound.AT_LEAST, None, 2.0)


@pytest.mark.parametrize(
    ("goal", "found", "verdict"),
    [
        (TIME, 1.0, Verdict.AIM),
        (TIME, 1.5, Verdict.GATE),
        (TIME, 2.1, Verdict.MISSED),
        (SPEED, 2.0, Verdict.AIM),
        (SPEED, 1.0, Verdict.GATE),
        (SPEED, 0.9, Verdict.MISSED),
        (ONLY_AIM, 1.9, Verdict.SHORT),
        (ONLY_AIM, 2.0, Verdict.AIM),
    ],
)
def test_a_figure_is_judged_by_gate_and_aim(goal: Goal, found: float, verdict: Verdict) -> None:
    assert goal.verdict(results(found)) is verdict


def test_a_goal_without_a_figure_is_not_judged() -> None:
    assert TIME.verdict(Results()) is Verdict.UNKNOWN
    assert not TIME.is_far_off(Results())


def test_only_less_than_half_of_the_gate_is_far_off() -> None:
    assert [TIME.is_far_off(results(found)) for found in (2.1, 4.0, 4.1)] == [False, False, True]
    assert [SPEED.is_far_off(results(found)) for found in (0.9, 0.5, 0.49)] == [False, False, True]
    assert not ONLY_AIM.is_far_off(results(0.0))


def test_what_is_near_the_floor_of_the_machine_is_not_far_off() -> None:
    goal = replace(TIME, floor=value("raw"))
    assert [goal.is_far_off(Results(samples={"x": [5.0], "raw": [raw]})) for raw in (2.4, 2.5)] == [True, False]
    assert goal.is_far_off(results(5.0)), "nothing tells of a floor"


def test_short_calls_are_compared_by_their_best() -> None:
    found = Results(samples={"ours": [40.0, 100.0], "raw": [100.0, 20.0]})
    assert ratio_of_best("ours", "raw")(found) == 2.0


def test_every_sitting_has_goals_and_every_aim_is_at_least_as_good_as_its_gate() -> None:
    assert ALL.keys() == GOALS.keys()
    for goal in (goal for goals in GOALS.values() for goal in goals):
        assert goal.gate is not None or goal.aim is not None, goal.what
        if goal.gate is not None and goal.aim is not None:
            assert (goal.aim <= goal.gate) == (goal.bound is Bound.AT_MOST), goal.what
