"""Tasks that may live on where nobody hears of them: they go nowhere else until that is over.

A script job runs on for a while when its node cannot be reached, and must never run twice. So its task is bound to the
node of its attempt until that node, or the end of the lease, tells that nothing of it lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from coordinator.core.model import Node, NodeState, Task, TaskState, Work
from coordinator.core.pool import NodePool
from coordinator.core.tasks import TaskBook
from coordinator.core.workload import Before


class Bindings:
    """Which tasks are bound to which nodes; a task without a lease never is."""

    def __init__(self, pool: NodePool, book: TaskBook) -> None:
        self._pool = pool
        self._book = book

    def placed(self, task: Task, node_id: str) -> None:
        """An attempt of the task is on this node."""
        if task.spec.lease_s:
            task.bound, task.bound_until = node_id, inf

    def taken_up(self, work: Work, task: Task, before: Before, now: float) -> list[tuple[Work, Task]]:
        """The task was on a node before the coordinator started; see `hello`."""
        self.placed(task, before.node)
        task.tries += before.has_begun
        task.failures.update(before.failures)
        self._put_off(work, task, now)
        # This one alone: of what the node got after its hello, that says nothing.
        return self._named(before.node, [(work, task)], now)

    def broke(self, task: Task, *, is_over: bool) -> None:
        """An attempt failed: the job may live on for all that, unless the node has said otherwise."""
        if is_over:
            task.bound = ""

    def hello(self, node_id: str, now: float) -> list[tuple[Work, Task]]:
        """Go on with what a node names that has just connected; return what does not live there any more."""
        return self._named(node_id, self._book.bound_to(node_id), now)

    def _named(self, node_id: str, bound: Sequence[tuple[Work, Task]], now: float) -> list[tuple[Work, Task]]:
        node, gone = self._pool.current(node_id), []
        if node is None or node.state is NodeState.LOST:
            return []
        for work, task in bound:
            if task.state is TaskState.DELAYED and task.spec.id in node.info.kept:
                task.bound_until = inf
                self._book.requeue(work, task, now)
            elif task.state is TaskState.DELAYED:
                gone.append((work, task))
        return gone

    def node_lost(self, node: Node, now: float) -> None:
        """A node cannot be reached: what was about to be asked for there waits until it cannot live any more."""
        for work, task in self._book.bound_to(node.id):
            if task.state in (TaskState.DELAYED, TaskState.READY):
                self._put_off(work, task, now)

    def lost(self, work: Work, task: Task, wait_s: float, now: float) -> None:
        """An attempt was lost: the task waits for its node if that is there, else for the lease."""
        node = self._pool.current(task.bound) if task.bound else None
        if not task.bound or (node is not None and node.state is not NodeState.LOST):
            self._book.put_off(work, task, wait_s, now)
        else:
            self._put_off(work, task, now)

    def ready(self) -> list[tuple[Work, Task, Node]]:
        """The bound tasks to go on with, each with its node, which has a connection for it."""
        found = []
        for work, task in self._book.bound():
            node = self._pool.current(task.bound)
            if node is not None and node.idle_slots > 0:
                found.append((work, task, node))
        return found

    def _put_off(self, work: Work, task: Task, now: float) -> None:
        task.bound_until = now + task.spec.lease_s
        self._book.delay(work, task, task.bound_until, now)
