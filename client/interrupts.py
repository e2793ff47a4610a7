"""Ctrl-C and SIGTERM: the same to a client, and held back where an id would get lost."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HELD_S = 3.0  # a program that is told to end should have ended after 5 s


def raise_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, as Ctrl-C does, so that both end a program the same clean way."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let the first interrupt wait for the end of the block, for 3 s at most; a second one breaks in.

    Windows has no alarm: there the second one alone breaks in.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, _HELD_S)

    numbers = _SIGNALS if sys.platform == "win32" else (*_SIGNALS, signal.SIGALRM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
