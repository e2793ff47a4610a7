"""When a node that takes nothing new may end: nothing runs, nothing is fetched, or its grace is over."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from rpc.loop import Loop

_LOOK_S = 0.02


class Departure:
    """Calls `leave` once the node is idle, if it was told to go; both on the loop's thread."""

    def __init__(self, loop: Loop, is_idle: Callable[[], bool], leave: Callable[[], None]) -> None:
        self._loop = loop
        self._is_idle = is_idle
        self._leave = leave
        self._until: float | None = None  # None: it is not to go
        self._is_looking = False
        self.is_final = False

    def within(self, grace_s: float) -> None:
        """Go when idle, at the latest after the grace."""
        self.is_final = True
        self._until = monotonic() + grace_s
        self._look()

    def when_idle(self) -> None:
        """Go when idle, however long that takes, unless `stay` comes first."""
        if self._until is None:
            self._until = float("inf")
            self._look()

    def stay(self) -> None:
        """Do not go after all, unless there is no way back."""
        if not self.is_final:
            self._until = None

    def _look(self) -> None:
        if self._until is None:
            return
        if monotonic() >= self._until or self._is_idle():
            self._leave()
        elif not self._is_looking:
            self._is_looking = True
            self._loop.call_later(_LOOK_S, self._look_again)

    def _look_again(self) -> None:
        self._is_looking = False
        self._look()
