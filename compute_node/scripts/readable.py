"""Waiting for files to read from, whatever their numbers: `select.select` takes none above 1,023."""

from __future__ import annotations

import select
from collections.abc import Iterable
from typing import Protocol, TypeVar


class HasFileno(Protocol):
    def fileno(self) -> int: ...


Source = TypeVar("Source", bound=int | HasFileno)


def readable(sources: Iterable[Source], timeout_s: float | None) -> list[Source]:
    """Those that can be read from, or are at their end, as soon as there is one; none when the time is over, if any."""
    by_number = {each if isinstance(each, int) else each.fileno(): each for each in sources}
    poll = select.poll()
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000)]
