"""Virtual time: actions in the order of their times, and none of it real."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], None]


class Clock:
    """Time in seconds. `pending` counts the actions that something waits for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pending = 0
        self._heap: list[tuple[float, int, bool, Action]] = []
        self._count = 0

    def after(self, delay_s: float, action: Action, *, is_background: bool = False) -> None:
        self._count += 1
        self.pending += not is_background
        heapq.heappush(self._heap, (self.now + delay_s, self._count, is_background, action))

    @property
    def next_at(self) -> float:
        return self._heap[0][0] if self._heap else float("inf")

    def step(self) -> None:
        """Do what comes next."""
        at, _, is_background, action = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        self.pending -= not is_background
        action()
