"""The one timer by which the dispatcher is told that time has passed."""

from __future__ import annotations

import time
from collections.abc import Callable

from rpc.loop import Loop, Timer


class Waker:
    """Calls back at the time that was asked for last, or a little earlier."""

    def __init__(self, loop: Loop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._timer: Timer | None = None
        self._at = 0.0

    def wake_at(self, when: float) -> None:
        """Call back at this time of the monotonic clock, if not before."""
        if self._timer is not None:
            if self._at <= when:
                return
            self._timer.cancel()
        self._at = when
        self._timer = self._loop.call_later(max(0.0, when - time.monotonic()), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._callback()
