"""How long the tasks of a round take, and which of them takes too long."""

from __future__ import annotations

import math
from statistics import median

_LEAST_S = 1.0  # below it nothing is won by a second attempt
_MEDIANS = 2.0


class Pace:
    """The times of the tasks that are done, of one round at a time. In seconds."""

    __slots__ = ("_round", "_took_s")

    def __init__(self) -> None:
        self._round = -1
        self._took_s: list[float] = []

    def note(self, number: int, took_s: float) -> None:
        """A task of round `number` is done."""
        if number != self._round:
            self._round, self._took_s = number, []
        self._took_s.append(took_s)

    def limit_s(self, number: int, n_open: int) -> float:
        """How long a task of round `number` may take before it is late, while `n_open` of its tasks are not done.

        That is twice the median of those that are done, and a second at least; without a limit until half are done.
        """
        if number != self._round or len(self._took_s) < n_open:
            return math.inf
        return max(_LEAST_S, _MEDIANS * median(self._took_s))
