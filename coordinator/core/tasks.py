"""The open tasks of all work: which wait, which wait for a time, and how each leaves."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from coordinator.core.model import Task, TaskState, Work
from coordinator.core.workload import TaskSpec


class TaskBook:
    """Every task that is neither done nor dropped.

    A waiting task stands in its work's heap of ready tasks, or among the delayed ones.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, tuple[Work, Task]] = {}
        self._delayed: list[tuple[float, str]] = []

    def find(self, task_id: str) -> tuple[Work, Task] | None:
        return self._tasks.get(task_id)

    def on_node(self, node_id: str) -> list[tuple[Work, Task]]:
        """The tasks whose live attempt is on this node."""
        return [(work, task) for work, task in self._tasks.values() if task.attempt and task.attempt.node_id == node_id]

    def add(self, work: Work, spec: TaskSpec, now: float) -> None:
        task = work.tasks[spec.id] = Task(spec, now)
        self._tasks[spec.id] = (work, task)
        _push(work, task)

    def requeue(self, work: Work, task: Task, now: float) -> None:
        """The attempt is over without a result; the task is ready for another one at once."""
        task.attempt, task.ready_at = None, now
        work.held.pop(task.spec.id, None)
        task.become(TaskState.READY)
        _push(work, task)

    def delay(self, task: Task, until: float) -> None:
        """The task may be placed again at `until`."""
        task.attempt = None
        task.become(TaskState.DELAYED)
        heapq.heappush(self._delayed, (until, task.spec.id))

    def close(self, work: Work, task: Task, state: TaskState) -> None:
        """The task is done or dropped."""
        task.become(state)
        work.held.pop(task.spec.id, None)
        del self._tasks[task.spec.id], work.tasks[task.spec.id]

    def wake(self, now: float) -> None:
        """Make ready what was delayed until now."""
        while self._delayed and self._delayed[0][0] <= now:
            found = self._tasks.get(heapq.heappop(self._delayed)[1])
            if found is not None and found[1].state is TaskState.DELAYED:
                self.requeue(*found, now)

    @property
    def next_wake(self) -> float | None:
        return self._delayed[0][0] if self._delayed else None


def take_ready(work: Work) -> Iterator[Task]:
    """Take the ready tasks of the work in their order; the caller puts back what it does not place."""
    while work.ready:
        task = work.tasks.get(heapq.heappop(work.ready)[1])
        if task is not None and task.state is TaskState.READY:
            yield task


def put_back(work: Work, task: Task) -> None:
    """A task that was taken and not placed."""
    _push(work, task)


def _push(work: Work, task: Task) -> None:
    heapq.heappush(work.ready, (task.spec.order, task.spec.id))
