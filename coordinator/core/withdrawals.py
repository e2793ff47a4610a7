"""Attempts that are not wanted any more: they are stopped, keep their slot until they answer, and are refused then."""

from __future__ import annotations

from coordinator.core import events
from coordinator.core.model import Attempt, Node, Task, TaskState, Work
from coordinator.core.pool import NodePool
from coordinator.core.tasks import TaskBook
from coordinator.core.verdicts import is_answer


class Withdrawals:
    """What was withdrawn and has not answered yet."""

    def __init__(self, pool: NodePool, book: TaskBook) -> None:
        self._pool = pool
        self._book = book
        self._states: dict[int, TaskState] = {}  # by fence: what they do in a slot

    def withdraw(self, work: Work, task: Task, now: float) -> list[events.Command]:
        """The task is not wanted any more."""
        stops = self.drop_rival(work, task, now)
        if task.attempt is not None:
            stops.append(self._stop(task.attempt, task.state))
        self._book.close(work, task, TaskState.DROPPED, now)
        return stops

    def drop_rival(self, work: Work, task: Task, now: float) -> list[events.Command]:
        """One attempt of the task is enough from now on."""
        if task.rival is None:
            return []
        stop = self._stop(task.rival.attempt, task.state)
        task.swap()
        self._book.drop_attempt(work, task, now)
        return [stop]

    def _stop(self, attempt: Attempt, state: TaskState) -> events.Stop:
        """The attempt, of a task in this state, is not wanted any more."""
        if state is not TaskState.HELD and self._pool.get(attempt.node_id, attempt.session):
            self._states[attempt.fence] = state
        return events.Stop(attempt)

    def lost(self, node: Node) -> None:
        """Nothing on this node answers any more."""
        for fence in node.running:
            self._states.pop(fence, None)

    def refuse(self, attempt: Attempt, outcome: events.Outcome, *, is_live: bool) -> list[events.Command]:
        """A report that nobody waits for: of an attempt given up before, or said twice."""
        if attempt.fence in self._states and is_answer(outcome, self._states[attempt.fence]):
            del self._states[attempt.fence]
            self._pool.vacate(attempt)
        if isinstance(outcome, events.Delivered):
            stale = f"late result of attempt {attempt.id} refused"
            return [events.Drop(outcome.holder), events.Note("stale", stale, node_id=attempt.node_id)]
        if isinstance(outcome, events.Held) and not is_live:
            return [events.Stop(attempt)]
        return []
