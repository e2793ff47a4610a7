"""The goals: what must hold (gate), where we want to be (aim), and how each figure is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from bench.results import Results

Figure = Callable[[Results], float | None]


class Bound(Enum):
    """Which side of a goal is the good one."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


class Verdict(Enum):
    """How a figure stands to its goal."""

    AIM = "aim reached"
    GATE = "gate holds"
    SHORT = "aim missed"
    MISSED = "GATE MISSED"
    UNKNOWN = "not measured"


_NEAR_FLOOR = 2.0


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table.

    Attributes:
        gate: None where there is only an aim.
        aim: None where the gate is all that is wanted.
        floor: what the machine itself needs for as much; None: nothing tells.
    """

    what: str
    figure: Figure
    bound: Bound
    gate: float | None
    aim: float | None = None
    floor: Figure | None = None

    def verdict(self, results: Results) -> Verdict:
        value = self.figure(results)
        if value is None:
            return Verdict.UNKNOWN
        if self.aim is not None and self._holds(value, self.aim):
            return Verdict.AIM
        if self.gate is None:
            return Verdict.SHORT
        return Verdict.GATE if self._holds(value, self.gate) else Verdict.MISSED

    def is_far_off(self, results: Results) -> bool:
        """Whether the figure is worse than half as good as the gate: more than a busy machine explains."""
        value = self.figure(results)
        if value is None or self.gate is None:
            return False
        floor = self.floor(results) if self.floor is not None else None
        if floor is not None and value <= _NEAR_FLOOR * floor:
            return False  # it is the machine that is slow today
        return not self._holds(value, self.gate * (2.0 if self.bound is Bound.AT_MOST else 0.5))

    def _holds(self, value: float, limit: float) -> bool:
        return value <= limit if self.bound is Bound.AT_MOST else value >= limit


def ratio(above: str, below: str) -> Figure:
    """The median of the ratios of neighbouring turns."""
    return lambda results: results.ratio(above, below)


def value(name: str) -> Figure:
    """The median."""
    return lambda results: results.median(name)


def worst(name: str) -> Figure:
    """The largest: for what must not happen once."""
    return lambda results: max(results.samples.get(name, ()), default=None)


def ratio_of_best(above: str, below: str) -> Figure:
    """The ratio of the least values: for calls so short that a scheduler's whim doubles them."""

    def figure(results: Results) -> float | None:
        one, other = results.best(above), results.best(below)
        return one / other if one is not None and other else None

    return figure
