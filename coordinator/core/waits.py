"""Work that waits for something that is not there: told once it has lasted, and once more when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from coordinator.core.events import Note
from coordinator.core.model import Work
from coordinator.core.pool import NodePool
from coordinator.core.suitability import Lack, Lacking, lacking

_AT_ONCE = 8  # works in one look: what they wait for is found out node by node


@dataclass(slots=True)
class _Wait:
    reason: str
    since: float
    is_told: bool = False


class Waits:
    """What was found in looks at a few works at a time, each of which comes back to where it began."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}
        self._next = 0

    def look(self, works: Mapping[str, Work], pool: NodePool, now: float) -> list[Note]:
        """Look at the next few of these works; return what there is to tell of them."""
        notes: list[Note] = []
        if self._next >= len(works):
            self._next = 0
        for work in islice(works.values(), self._next, self._next + _AT_ONCE):
            if not work.claim.array:  # that says it once for all of them
                notes += self._see(work, lacking(work, pool), now)
        self._next += _AT_ONCE
        for ended in self._waits.keys() - works.keys():
            del self._waits[ended]
        return notes

    def _see(self, work: Work, found: Lacking | None, now: float) -> list[Note]:
        wait = self._waits.get(work.id)
        # Whose turn has not come lacks nothing; its submission and its start say how long that was.
        if found is None or found.what is Lack.TURN:
            self._waits.pop(work.id, None)
            if wait is None or not wait.is_told:
                return []
            return [Note("went on", f"after {now - wait.since:.0f} s of waiting for {wait.reason}", work.id)]
        if wait is None or wait.reason != found.text:
            self._waits[work.id] = _Wait(found.text, now)
        elif not wait.is_told:  # most waits are over before the next look
            wait.is_told = True
            return [Note("waiting", f"for {found.text}", work.id)]
        return []
