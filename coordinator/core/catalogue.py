"""All work there is: what is open, when each wants to be asked about its deadline, and what has lately ended."""

from __future__ import annotations

import heapq
import math

from coordinator.core.model import Work, WorkState
from coordinator.core.owners import Owners
from coordinator.core.saved import Past
from coordinator.core.workload import ARRAY, Workload


class Catalogue:
    """Work by id; of that which has ended only so many are kept.

    Attributes:
        work: open and ended.
        open: not ended, in order of submission.
        running: what runs of that, in order of its beginning.
        by_key: ids of work by owner and key.
    """

    def __init__(self, owners: Owners, kept: int) -> None:
        self.work: dict[str, Work] = {}
        self.open: dict[str, Work] = {}
        self.running: dict[str, Work] = {}
        self.by_key: dict[tuple[str, str], str] = {}
        self._owners = owners
        self._kept = kept
        self._ended: dict[str, None] = {}  # in the order of their ends
        self._deadlines: list[tuple[float, str]] = []  # one entry that is right for each open work that has one
        self._submitted = 0

    def add(self, workload: Workload, at: float, past: Past) -> Work:
        """Take in work that was submitted at `at`."""
        self._submitted += 1
        claim = workload.claim
        work = Work(workload, at, self._submitted, self._owners.joins(claim.owner))
        _recall(work, past)
        self.work[work.id] = self.open[work.id] = work
        if claim.key:
            self.by_key[claim.owner, claim.key] = work.id
        self.note_deadline(work)
        if workload.kind == ARRAY and past.started_at is not None:  # its members alone are queued
            self.run(work, at)
        return work

    def begin(self, work: Work) -> None:
        """The turn of the work has come."""
        work.is_begun = True

    def run(self, work: Work, now: float) -> list[Work]:
        """The work runs, and its array, if it is the first one of that; return what did not run before."""
        array = self.work.get(work.claim.array)
        begun = [work] if array is None or array.state is not WorkState.PENDING else [array, work]
        for each in begun:
            each.is_begun = True
            each.become(WorkState.RUNNING, now)
            self.running[each.id] = each
        return begun

    def rest(self, work: Work, now: float) -> None:
        """The work does not run any more, and waits for a place again."""
        work.become(WorkState.PENDING, now)
        del self.running[work.id]

    def end(self, work: Work) -> list[str]:
        """The work is over; return the ids of works that are forgotten for it, whose ends are all committed."""
        self._owners.leaves(work.owner)
        work.shed()
        del self.open[work.id]
        self.running.pop(work.id, None)
        self._ended[work.id] = None
        gone: list[str] = []
        while len(self._ended) > self._kept and self.work[oldest := next(iter(self._ended))].is_remembered:
            gone += self.remove(oldest)
        return gone

    def remove(self, work_id: str) -> list[str]:
        """Forget work that has ended; return its id, if it was known, and those of its members."""
        if work_id not in self._ended:
            return []
        del self._ended[work_id]
        removed = self.work.pop(work_id)
        claim = removed.claim
        if self.by_key.get((claim.owner, claim.key)) == work_id:
            del self.by_key[claim.owner, claim.key]
        if removed.workload.kind != ARRAY:
            return [work_id]
        members = [each for each in self._ended if self.work[each].claim.array == work_id]
        return [work_id, *(gone for each in members for gone in self.remove(each))]

    def note_deadline(self, work: Work) -> None:
        """Something happened to the work that may have changed its deadline."""
        deadline = work.workload.deadline
        if deadline != work.deadline:
            work.deadline = deadline
            if deadline is not None:
                heapq.heappush(self._deadlines, (deadline, work.id))

    def overdue(self, now: float) -> list[Work]:
        """Take the works whose deadline has come."""
        due: list[Work] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, work_id = heapq.heappop(self._deadlines)
            work = self.open.get(work_id)
            if work is not None and work.deadline == deadline:
                work.deadline = None
                due.append(work)
        return due

    @property
    def next_deadline(self) -> float:
        """No deadline comes before this one."""
        return self._deadlines[0][0] if self._deadlines else math.inf


def _recall(work: Work, past: Past) -> None:
    """Go on counting; what has begun in one numeric class stays in it."""
    work.done_by_node.update(past.tasks_by_node)
    work.tasks_done = work.done_by_node.total()
    work.rejections, work.retries = past.rejections, past.retries
    work.started_at, work.ran_before = past.started_at, past.started_at is not None
    work.classes_used.update(past.classes)
    if len(past.classes) == 1 and not work.workload.mixed_classes:
        (work.numeric_class,) = past.classes
