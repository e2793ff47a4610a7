"""The large buffer of a connection goes when nothing has come for a while."""

from __future__ import annotations

from collections.abc import Callable

from rpc.framing import FrameReader
from rpc.loop import Loop, Timer

_IDLE_S = 30.0


class IdleBuffer:
    """Watches the buffer of one reader; `received` counts the bytes that came."""

    def __init__(self, loop: Loop, reader: FrameReader, received: Callable[[], int]) -> None:
        self._loop = loop
        self._reader = reader
        self._received = received
        self._timer: Timer | None = None

    def watch(self) -> None:
        """The reader has a large buffer; harmless if that is known."""
        if self._timer is None:
            received = self._received()
            self._timer = self._loop.call_later(_IDLE_S, lambda: self._look(received))

    def forget(self) -> None:
        """The connection is closed."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, received: int) -> None:
        self._timer = None
        if self._received() == received:
            self._reader.release()
        if self._reader.is_large:
            self.watch()
