"""Figures that are within their bounds are no flaw; each that is not is told with its bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.figures import (
    FEW,
    MOST_FEW_S,
    MOST_KILLED_S,
    MOST_PAUSED_S,
    MOST_RATIO,
    MOST_SERVES_S,
    MOST_WORKS_S,
    Figures,
)
from tests.chaos.traces import Lost

GOOD = Figures(
    [Lost("killed", MOST_KILLED_S), Lost("paused", MOST_PAUSED_S)], [MOST_SERVES_S] * FEW, [MOST_WORKS_S], [MOST_RATIO]
)
LATE = 100.0


def test_what_is_within_its_bounds_is_no_flaw() -> None:
    assert GOOD.flaws() == Figures([], [], [], []).flaws() == replace(GOOD, serves_s=[MOST_FEW_S]).flaws() == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (replace(GOOD, lost=[Lost("killed", 0.1), Lost("killed", LATE)]), "a killed node's task"),
        (replace(GOOD, lost=[Lost("paused", LATE)]), "a paused node's task"),
        (
            replace(GOOD, serves_s=[MOST_SERVES_S] * (FEW // 2) + [LATE] * (FEW // 2 + 1)),
            "median seconds until a killed",
        ),
        (replace(GOOD, serves_s=[MOST_SERVES_S, LATE]), "longest time until a killed coordinator served"),
        (replace(GOOD, works_s=[LATE]), "had a task running"),
        (replace(GOOD, ratios=[1.0, LATE]), "disturbed to undisturbed"),
    ],
)
def test_each_bound_is_held(bad: Figures, words: str) -> None:
    (flaw,) = bad.flaws()
    assert words in flaw and ", above " in flaw
