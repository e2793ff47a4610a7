"""Whose turn it is: work of a higher priority first, then that of the owner who had least; and owners pay for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import Command, Start
from coordinator.core.model import Attempt, TaskState, Work
from coordinator.core.owners import Owner
from coordinator.core.suitability import suits
from tests.simulation.flaw import Flaw

_ROUNDING_S = 1e-6


class Shares:
    """Compares what is placed with what waits, at one start of the coordinator."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._begun: dict[int, tuple[Owner, float]] = {}  # by fence
        self._used: defaultdict[Owner, float] = defaultdict(float)

    def placed(self, commands: Sequence[Command], now: float) -> None:
        """All that an event has placed: nothing that waits for one of those nodes had to come before."""
        starts = [each for each in commands if isinstance(each, Start)]
        charged: defaultdict[Owner, float] = defaultdict(float)
        for start in starts:
            work = self._dispatcher.work[start.task.work_id]
            task = work.tasks.get(start.task.id)
            charged[work.owner] += task.charged_s if task is not None else 0.0
            self._begun[start.attempt.fence] = work.owner, now
        for start in starts:
            self._check(start, charged)

    def _check(self, start: Start, charged: dict[Owner, float]) -> None:
        work = self._dispatcher.work[start.task.work_id]
        task = work.tasks.get(start.task.id)
        if task is None or task.rival is not None:
            return  # a second attempt takes what nobody else needs
        for other in self._dispatcher.running.values():
            if other is work or other.claim.priority < work.claim.priority or not self._waits_for(other, start.attempt):
                continue
            if other.claim.priority > work.claim.priority:
                raise Flaw(f"{start.attempt.id} is placed before run {other.id}, which has a higher priority")
            if work.owner.service - charged[work.owner] > other.owner.service + _ROUNDING_S:
                raise Flaw(f"{start.attempt.id} is placed before run {other.id}, whose owner has had less")

    def _waits_for(self, work: Work, attempt: Attempt) -> bool:
        """Whether a task of the work that may run anywhere stands and waits while this node was given away."""
        if 0 < work.claim.max_nodes <= len(work.nodes) and attempt.node_id not in work.nodes:
            return False
        return any(
            task.state is TaskState.READY
            and not (task.refused_by or task.avoid)
            and self._dispatcher.pool.keeper(task.spec.id) is None
            and suits(work, task, self._dispatcher.pool)(attempt.node_id)
            for task in work.tasks.values()
        )

    def delivered(self, attempt: Attempt, now: float) -> None:
        """A result was taken in: the time it took is its owner's."""
        owner, begun = self._begun.pop(attempt.fence)
        self._used[owner] += now - begun

    def paid(self) -> None:
        """Nobody may have had more than was counted."""
        for owner, used_s in self._used.items():
            if owner.service + _ROUNDING_S < used_s:
                raise Flaw(f"owner {owner.name} has had {used_s:.3f} s, of which {owner.service:.3f} s are counted")
