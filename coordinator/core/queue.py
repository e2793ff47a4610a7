"""The queue: which work is served next.

Priority first, then the owner who had least service for its share, then the order of submission. Works that need the
same nodes stand in one band: what the first of them cannot have, none of them can, so that a choice costs O(log works)
however many of them wait.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Container
from typing import NamedTuple, TypeAlias

from coordinator.core.model import Band, Work
from coordinator.core.owners import Owner, Owners


class Turn(NamedTuple):
    """Whose turn it is: work that gets one task, and more until its owner has had more service than `limit`."""

    work: Work
    limit: float


_Place: TypeAlias = tuple[int, float, str, int, Work]  # minus priority, service, owner, number: the smallest is next


class _Lines:
    """The works of one band, a line for each owner."""

    def __init__(self, band: Band) -> None:
        self._band = band
        self._lines: dict[str, list[tuple[int, Work]]] = {}
        # One entry for each line. Service only grows, so an entry out of date is met too early, never too late.
        self._turns: list[tuple[float, str, Owner]] = []

    def add(self, work: Work) -> None:
        line = self._lines.get(work.owner.name)
        if line is None:
            line = self._lines[work.owner.name] = []
            heapq.heappush(self._turns, (work.owner.service, work.owner.name, work.owner))
        heapq.heappush(line, (work.number, work))

    def first(self) -> _Place | None:
        """The next work of the band; drops what has nothing to do any more."""
        while self._turns:
            service, name, owner = self._turns[0]
            line = self._lines[name]
            while line and not self._has(line[0][1]):
                heapq.heappop(line)
            if not line:
                heapq.heappop(self._turns)
                del self._lines[name]
            elif owner.service > service:
                heapq.heapreplace(self._turns, (owner.service, name, owner))
            else:
                number, work = line[0]
                return -self._band.priority, service, name, number, work
        return None

    def second(self) -> float:
        """The service of the owner after the first, or less; infinite if there is none."""
        return math.inf if len(self._turns) == 1 else min(self._turns[1:3])[0]

    def _has(self, work: Work) -> bool:
        """Whether the work still stands here; if it does not wait any more, it does not."""
        if work.band != self._band:
            return False
        if not work.ready and not work.awaits_turn:
            work.band = None
        return work.band is not None


class WorkQueue:
    """All work that has a task ready, or has not begun."""

    def __init__(self, owners: Owners) -> None:
        self.owners = owners
        self._bands: dict[Band, _Lines] = {}
        self._parked: dict[str, list[tuple[int, int, Work]]] = {}  # by owner who has as many places as may be

    @property
    def is_empty(self) -> bool:
        return not self._bands

    def add(self, work: Work) -> None:
        """The work waits for nodes; harmless if it stands in the queue already."""
        if work.band is None:
            band = work.band = band_of(work)
            lines = self._bands.get(band)
            if lines is None:
                lines = self._bands[band] = _Lines(band)
            lines.add(work)

    def next(self, closed: Container[Band]) -> Turn | None:
        """Whose turn it is, but for works of closed bands. The work stays in the queue as long as it waits."""
        best: _Place | None = None
        limit = -math.inf
        for band, lines in list(self._bands.items()):
            if band in closed:
                continue
            found = lines.first()
            if found is None:
                del self._bands[band]
            elif best is None:
                best, limit = found, lines.second()
            else:
                best, limit = min(best, found), -math.inf
        return None if best is None else Turn(best[-1], limit)

    def take_place(self, work: Work) -> None:
        """The work is one of those of its owner that have a place."""
        if work.owner.most:
            work.owner.holds.add(work.id)

    def park(self, work: Work) -> None:
        """The work waits until another one of its owner gives its place back."""
        self.remove(work)
        heapq.heappush(self._parked.setdefault(work.owner.name, []), (-work.claim.priority, work.number, work))

    def give_back(self, work: Work) -> None:
        """The work has no place any more: the first of its owner's that wait for one may have it."""
        work.owner.holds.discard(work.id)
        parked = self._parked.get(work.owner.name, [])
        while parked and work.owner.has_room_for(""):
            waiting = heapq.heappop(parked)[-1]
            if waiting.awaits_turn or waiting.ready:
                self.add(waiting)
                break
        if not parked:
            self._parked.pop(work.owner.name, None)

    def remove(self, work: Work) -> None:
        """The work leaves the queue."""
        work.band = None  # its entry is dropped when it is met


def band_of(work: Work) -> Band:
    """Which works wait for the same as this one."""
    claim = work.claim
    select = tuple(sorted(claim.select.items()))
    if work.awaits_turn:
        return Band(claim.priority, select, claim.class_key, None, claim.min_nodes, False, claim.script)
    task = next((work.tasks[task_id] for _, task_id in work.ready if task_id in work.tasks), None)
    key = "" if task is None else task.spec.class_key
    return Band(claim.priority, select, key, work.numeric_class if key else None, 1, True, claim.script)
