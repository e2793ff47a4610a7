"""An array of script jobs: a work without tasks, which begins with the first of its members and ends with the last.

Its members are jobs like any other. The array counts those whose end is committed, so that a restart counts the same,
and keeps back those whose turn in it has not come.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from coordinator.core.jobs import EndMembers, Job, JobValue
from coordinator.core.model import Work, WorkState
from coordinator.core.predecessors import Predecessors
from coordinator.core.scripting import claim_of
from coordinator.core.workload import ARRAY, End, Limits, Result, Step, TaskSpec
from rpc.errors import FailureKind
from rpc.messages import ScriptSpec

BAD_ENDS = {WorkState.FAILED: "failed", WorkState.CANCELLED: "were cancelled"}  # the weightier one first


@dataclass(frozen=True, slots=True)
class BadEnd:
    """How a member failed, or was cancelled."""

    index: int
    member: str
    failure: FailureKind
    reason: str


@dataclass(slots=True)
class Ended:
    """The members whose end is committed: how many, by state, and of the bad ends the one with the lowest index."""

    counts: Counter[WorkState] = field(default_factory=Counter)
    first: dict[WorkState, BadEnd] = field(default_factory=dict)

    def add(self, member: Work) -> None:
        self.counts[member.state] += 1
        end = BadEnd(member.claim.index, member.id, member.failure, member.reason)
        known = self.first.get(member.state)
        if member.state in BAD_ENDS and (known is None or end.index < known.index):
            self.first[member.state] = end


class ScriptArray:
    """The state of an array between events.

    Attributes:
        tasks_total: how many members it has.
        ended: members whose end is committed.
        open: all others that were taken up, by id, in the order of their indexes.
    """

    kind = ARRAY
    mixed_classes = False
    limits = Limits()
    deadline: float | None = None

    def __init__(
        self, array_id: str, spec: ScriptSpec, *, size: int, at_once: int = 0, ended: Ended | None = None
    ) -> None:
        """Of `size` members `at_once` may be at work at a time (0: all); `ended` were so before this start."""
        self.id = array_id
        self.spec = spec
        self.name = spec.name
        self.claim = claim_of(spec)
        self.tasks_total = size
        self.ended = ended or Ended()
        self._at_once = at_once
        self.open: dict[str, Work] = {}
        self._kept_back: deque[Work] = deque()
        self._let_go: set[str] = set()
        self._given_up: End | None = None

    def join(self, member: Work) -> None:
        """There is another member, whose turn has not come."""
        self.open[member.id] = member
        self._kept_back.append(member)
        member.awaits[self.id] = True

    def part(self, member_id: str) -> None:
        """The end of a member is committed."""
        self.ended.add(self.open.pop(member_id))
        self._let_go.discard(member_id)

    def let_go(self) -> list[Work]:
        """Return those whose turn it is now: in order, as many as may be at work."""
        turn: list[Work] = []
        while self._kept_back and not self._given_up and self._has_room():
            member = self._kept_back.popleft()
            if not member.state.is_final:
                member.awaits.pop(self.id)
                self._let_go.add(member.id)
                turn.append(member)
        return turn

    def give_up(self, end: End) -> list[Step]:
        """None of its members begins any more; it ends so once all have ended."""
        if self._given_up:
            return []
        self._given_up = end
        return [EndMembers(self.id, end.reason)]

    def end(self) -> End | None:
        """How it ended, once all of its members have.

        Members may have ended well, or failed, before somebody cancelled it: then nobody had to be cancelled.
        """
        counts, first = self.ended.counts, self.ended.first
        if counts.total() < self.tasks_total:
            return None
        if self._given_up and counts[WorkState.CANCELLED]:
            return self._given_up
        for state, verb in BAD_ENDS.items():
            if counts[state]:
                end = first[state]
                about = f"{counts[state]:,} of {self.tasks_total:,} {verb}; the first is {end.member}"
                return End(end.failure, f"{about}: {end.reason}" if end.reason else about)
        return End()

    def on_cancel(self, reason: str, now: float) -> list[Step]:
        return self.give_up(End(FailureKind.CANCELLED, reason))

    def on_computed(self, job: Job, value: JobValue, now: float) -> list[Step]:
        return []  # its members could not be ended now; who asked asks again

    def _has_room(self) -> bool:
        return not self._at_once or len(self._let_go) < self._at_once

    def begin(self, now: float) -> list[Step]:
        raise AssertionError("an array is never queued")

    def on_placed(self, task: TaskSpec, waited_s: float) -> None:
        raise AssertionError("an array has no tasks")

    def on_set_back(self, task: TaskSpec, rejected: bool) -> list[Step]:
        raise AssertionError("an array has no tasks")

    def on_result(self, task: TaskSpec, holder: str, result: Result, now: float) -> list[Step]:
        raise AssertionError("an array has no tasks")

    def on_task_failed(self, task: TaskSpec, kind: FailureKind, message: str) -> list[Step]:
        raise AssertionError("an array has no tasks")

    def on_deadline(self, waiting_for: str, now: float) -> list[Step]:
        raise AssertionError("an array has no deadline")

    def may_fetch(self, task: TaskSpec) -> bool:
        raise AssertionError("an array has no tasks")


class Arrays:
    """Which works may begin: after their predecessors, and members in the turn that their array gives them."""

    def __init__(self, works: Mapping[str, Work]) -> None:
        """`works` are those that the dispatcher knows, by id."""
        self._works = works
        self._predecessors = Predecessors(works)

    def submitted(self, work: Work, ends: Mapping[str, WorkState]) -> list[tuple[Work, Step | None]]:
        """Note what the work waits for; return which works need not wait any more, or what is to be done instead."""
        if work.claim.array:
            array = self._works[work.claim.array]
            _array_of(array).join(work)
            return _go_on(array)
        return _verdicts(work, self._predecessors.submitted(work, ends))

    def remembered(self, work_id: str, state: WorkState) -> list[tuple[Work, Step | None]]:
        """An end is committed; return the same of the works that waited for it."""
        verdicts = []
        for work, obstacle in self._predecessors.remembered(work_id, state):
            verdicts += _verdicts(work, obstacle)
        array = self._works.get(array_of(work_id))
        if array is not None and isinstance(array.workload, ScriptArray) and work_id in array.workload.open:
            array.workload.part(work_id)
            verdicts += _go_on(array)
        return verdicts


def member_id(array_id: str, index: int) -> str:
    return f"{array_id}-{index}"


def array_of(work_id: str) -> str:
    """The array that a work is of if it is of one."""
    return work_id.rpartition("-")[0]


def _verdicts(work: Work, obstacle: End | None) -> list[tuple[Work, Step | None]]:
    if not isinstance(work.workload, ScriptArray):
        return [(work, obstacle)]
    if obstacle is None:
        return _go_on(work)
    return [(work, step) for step in work.workload.give_up(obstacle)]


def _go_on(work: Work) -> list[tuple[Work, Step | None]]:
    """What may be done now of an array: members begin, or all have ended."""
    array = _array_of(work)
    end = array.end()
    if end is not None:
        return [] if work.state.is_final else [(work, end)]
    return [] if work.awaits else [(member, None) for member in array.let_go()]


def _array_of(work: Work) -> ScriptArray:
    assert isinstance(work.workload, ScriptArray)
    return work.workload
