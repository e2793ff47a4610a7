"""The open tasks of all work: which wait, which wait for a time, and how each leaves."""

from __future__ import annotations

import heapq
import math

from coordinator.core.model import Task, TaskState, Work
from coordinator.core.queue import WorkQueue
from coordinator.core.workload import TaskSpec

_SMOOTHING = 0.2  # weight of the newest task in the time that is expected of the next


class TaskBook:
    """Every task that is neither done nor dropped.

    A waiting task stands in its work's heap of ready tasks, or among the delayed ones; work with ready tasks stands in
    the queue.

    Attributes:
        idle: works that have begun and have no task.
    """

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._tasks: dict[str, tuple[Work, Task]] = {}
        self._delayed: list[tuple[float, str]] = []
        self._holding: dict[str, Work] = {}
        self._bound: dict[str, tuple[Work, Task]] = {}  # ready, for the nodes that they are bound to alone
        self.idle: set[str] = set()

    def begin(self, work: Work) -> None:
        """The work has begun; its tasks are still to come."""
        self.idle.add(work.id)

    def end(self, work: Work) -> None:
        """The work is over and has no task any more."""
        self.idle.discard(work.id)
        self._holding.pop(work.id, None)
        work.ready.clear()
        self._queue.give_back(work)

    def find(self, task_id: str) -> tuple[Work, Task] | None:
        return self._tasks.get(task_id)

    def on_node(self, node_id: str) -> list[tuple[Work, Task]]:
        """The tasks whose live attempt is on this node; it is their attempt, whether or not it was the rival."""
        found: list[tuple[Work, Task]] = []
        for work, task in self._tasks.values():
            if task.rival is not None and task.rival.attempt.node_id == node_id:
                task.swap()
            if task.attempt is not None and task.attempt.node_id == node_id:
                found.append((work, task))
        return found

    def add(self, work: Work, spec: TaskSpec, now: float) -> Task:
        task = work.tasks[spec.id] = Task(spec, now)
        if spec.avoid:
            task.avoid.update(spec.avoid)
        if work.lacking:
            task.avoid.update(_without(spec.data, work))
        self._tasks[spec.id] = (work, task)
        self.idle.discard(work.id)
        self._push(work, task)
        return task

    def requeue(self, work: Work, task: Task, now: float) -> None:
        """The attempt is over without a result; the task is ready for another one at once, unless its rival goes on."""
        if self.drop_attempt(work, task, now):
            return
        task.ready_at = now
        work.held.pop(task.spec.id, None)
        task.become(TaskState.READY)
        if task.bound:
            self._bound[task.spec.id] = (work, task)
        else:
            self._push(work, task)

    def delay(self, work: Work, task: Task, until: float, now: float) -> None:
        """The attempt is over without a result; the task may be placed again at `until`, unless its rival goes on.

        One that is delayed already waits until then.
        """
        if self.drop_attempt(work, task, now):
            return
        self._bound.pop(task.spec.id, None)
        if task.state is not TaskState.DELAYED:
            task.become(TaskState.DELAYED)
        task.until = until
        heapq.heappush(self._delayed, (until, task.spec.id))

    def put_off(self, work: Work, task: Task, wait_s: float, now: float) -> None:
        """The attempt is over without a result; the task may be placed again in so many seconds."""
        if wait_s:
            self.delay(work, task, now + wait_s, now)
        else:
            self.requeue(work, task, now)

    def drop_attempt(self, work: Work, task: Task, now: float) -> bool:
        """The attempt is over, if there is one; return whether its rival goes on in its place."""
        self._release(work, task, now)
        if task.rival is None:
            return False
        task.attempt, task.placed_at, task.charged_s = task.rival
        task.rival = None
        return True

    def close(self, work: Work, task: Task, state: TaskState, now: float) -> None:
        """The task is done or dropped."""
        self._release(work, task, now)
        task.become(state)
        work.held.pop(task.spec.id, None)
        self._bound.pop(task.spec.id, None)
        del self._tasks[task.spec.id], work.tasks[task.spec.id]
        if not work.tasks:
            self.idle.add(work.id)

    def hold(self, work: Work, task: Task) -> None:
        """The attempt is over; its result waits on its node."""
        task.become(TaskState.HELD)
        work.held[task.spec.id] = task
        self._holding[work.id] = work

    def held(self) -> list[tuple[Work, Task]]:
        """The tasks whose result waits on its node."""
        if not self._holding:
            return []
        self._holding = {work_id: work for work_id, work in self._holding.items() if work.held}
        return [(work, task) for work in self._holding.values() for task in work.held.values()]

    def wake(self, now: float) -> list[tuple[Work, Task]]:
        """Make ready what was delayed until now; return what was bound to a node until now, and is not ready yet."""
        freed = []
        while self._delayed and self._delayed[0][0] <= now:
            found = self._tasks.get(heapq.heappop(self._delayed)[1])
            if found is not None and found[1].state is TaskState.DELAYED and found[1].until <= now:
                found[1].begin_sweep()
                if found[1].bound_until <= now:
                    freed.append(found)
                else:
                    self.requeue(*found, now)
        return freed

    def ask_again(self, nodes: set[str], now: float) -> None:
        """Make ready what every node had declined, for these alone."""
        found = [self._tasks.get(task_id) for _, task_id in self._delayed]
        for work, task in filter(None, found):
            if task.state is TaskState.DELAYED and task.is_swept:
                task.is_swept = False
                task.refused_by -= nodes
                self.requeue(work, task, now)

    @property
    def next_wake(self) -> float:
        """When the next delayed task is ready."""
        return self._delayed[0][0] if self._delayed else math.inf

    def next_ready(self, work: Work) -> Task | None:
        """Take the first ready task of the work, if it has one; `put_back` gives back what is not placed."""
        while work.ready:
            task = work.tasks.get(heapq.heappop(work.ready)[1])
            if task is not None and task.state is TaskState.READY and not task.bound:
                return task
        return None

    def put_back(self, work: Work, task: Task) -> None:
        """A task that was taken and not placed."""
        self._push(work, task)

    def bound_to(self, node_id: str) -> list[tuple[Work, Task]]:
        """All tasks that are bound to this node, whatever their state."""
        return [(work, task) for work, task in self._tasks.values() if task.bound == node_id]

    def bound(self) -> list[tuple[Work, Task]]:
        """The ready tasks that are bound to a node."""
        return list(self._bound.values()) if self._bound else []

    def occupy(self, work: Work, task: Task) -> None:
        """The task has a live attempt."""
        assert task.attempt is not None
        self._bound.pop(task.spec.id, None)
        node_id = task.attempt.node_id
        work.nodes[node_id] = work.nodes.get(node_id, 0) + 1
        task.charged_s = work.task_s
        self._queue.owners.serve(work.owner, task.charged_s)

    def _release(self, work: Work, task: Task, now: float) -> None:
        """The attempt is over, if there is one: its owner pays for what it really took."""
        if task.attempt is None:
            return
        node_id, used_s = task.attempt.node_id, task.worked_s or now - task.placed_at
        if work.nodes[node_id] > 1:
            work.nodes[node_id] -= 1
        else:
            del work.nodes[node_id]
        work.task_s += _SMOOTHING * (used_s - work.task_s)
        work.owner.settle(task.charged_s, used_s)
        task.attempt = None

    def _push(self, work: Work, task: Task) -> None:
        heapq.heappush(work.ready, (task.spec.order, task.spec.id))
        self._queue.add(work)


def _without(blob: str, work: Work) -> list[str]:
    """The nodes that could not have a blob again: once may only mean that a node had removed it, and gets it anew."""
    return [node_id for (name, node_id), times in work.lacking.items() if name == blob and times > 1]
