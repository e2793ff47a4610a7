"""Ctrl-C and SIGTERM: the same to a client, and held back where an id would get lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def raise_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, as Ctrl-C does, so that both end a program the same clean way."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let the first interrupt wait for the end of the block; a second one breaks in."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = [signal.signal(number, note) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
