"""When a node that is to go may go: nobody waits for anything of it, or its grace is over."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from rpc.loop import Loop

_LOOK_S = 0.02
_SETTLE_S = 0.3  # a task that was sent before the node was drained may still be on its way


class Departure:
    """Calls `leave` once the node is idle, if it is to go; both on the loop's thread."""

    def __init__(self, loop: Loop, is_idle: Callable[[], bool], leave: Callable[[], None]) -> None:
        self._loop = loop
        self._is_idle = is_idle
        self._leave = leave
        self._until: float | None = None  # None: it is not to go
        self._settle_s = _SETTLE_S
        self._busy_at = 0.0
        self._is_looking = False
        self.is_final = False

    def within(self, grace_s: float) -> None:
        """Go as soon as the node is idle, at the latest after the grace: it takes nothing new."""
        self.is_final, self._settle_s = True, 0.0
        self._until = monotonic() + grace_s
        self._look()

    def when_idle(self) -> None:
        """Go when the node has been idle for a moment, however long that takes, unless `stay` comes first."""
        if self._until is None:
            self._until, self._busy_at = float("inf"), monotonic()
            self._look()

    def stay(self) -> None:
        """Do not go after all, unless there is no way back."""
        if not self.is_final:
            self._until = None

    def _look(self) -> None:
        if self._until is None:
            return
        now = monotonic()
        is_idle = self._is_idle()
        if not is_idle:
            self._busy_at = now
        if now >= self._until or (is_idle and now >= self._busy_at + self._settle_s):
            self._leave()
        elif not self._is_looking:
            self._is_looking = True
            self._loop.call_later(_LOOK_S, self._look_again)

    def _look_again(self) -> None:
        self._is_looking = False
        self._look()
