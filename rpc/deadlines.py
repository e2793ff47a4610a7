"""How long one peer may take: for the rest of a frame, and to take some of what it is sent."""

from __future__ import annotations

from collections.abc import Callable

from rpc.errors import TimedOut
from rpc.loop import Loop, Timer

_LOOKS = 6  # in each such time: so much of it, at most, a peer wins by taking a few bytes


class Deadlines:
    """Those of one connection; each is `stall_s` seconds."""

    def __init__(self, loop: Loop, stall_s: float, peer: str, close: Callable[[TimedOut], None]) -> None:
        """`close` is called with the reason when one has passed."""
        self._loop = loop
        self._stall_s = stall_s
        self._peer = peer
        self._close = close
        self._frame: Timer | None = None
        self._sending: Timer | None = None

    @property
    def awaits_frame(self) -> bool:
        """Whether the rest of a frame is waited for."""
        return self._frame is not None

    def await_frame(self, awaited: bool) -> None:
        """Whether the rest of a frame is waited for from now on; it has as long as it had if it was before."""
        if awaited and self._frame is None:
            self._frame = self._loop.call_later(self._stall_s, self._frame_too_late)
        elif not awaited and self._frame is not None:
            self._frame.cancel()
            self._frame = None

    def await_progress(self, sent: Callable[[], int]) -> None:
        """From now on `sent()` must grow in every such time."""
        if self._sending is None:
            self._look_after(sent)

    def all_is_sent(self) -> bool:
        """Wait for no progress any more; returns whether it was waited for."""
        timer, self._sending = self._sending, None
        if timer is not None:
            timer.cancel()
        return timer is not None

    def cancel(self) -> None:
        """Wait for nothing any more."""
        self.await_frame(False)
        self.all_is_sent()

    def _frame_too_late(self) -> None:
        self._close(TimedOut(f"{self._peer} did not finish a message within {self._stall_s:g} s"))

    def _look_after(self, sent: Callable[[], int]) -> None:
        before, since = sent(), self._loop.now

        def look() -> None:
            nonlocal before, since
            if sent() != before:
                before, since = sent(), self._loop.now
            elif self._loop.now - since >= self._stall_s:
                self._close(TimedOut(f"{self._peer} took no bytes for {self._stall_s:g} s"))
                return
            self._sending = self._loop.call_later(self._stall_s / _LOOKS, look)

        self._sending = self._loop.call_later(self._stall_s / _LOOKS, look)
