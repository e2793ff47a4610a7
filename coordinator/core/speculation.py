"""A second attempt for a task that takes far longer than its peers, while a node idles: the first result counts."""

from __future__ import annotations

from collections.abc import Iterator

from coordinator.core.events import Note, Start
from coordinator.core.model import Task, TaskState, Work
from coordinator.core.placement import Placement
from coordinator.core.pool import NodePool
from coordinator.core.tasks import TaskBook


class Speculation:
    """Looks for such tasks now and then. A task never has more than two live attempts."""

    def __init__(self, pool: NodePool, book: TaskBook, placement: Placement) -> None:
        self._pool = pool
        self._book = book
        self._placement = placement

    def look(self, now: float) -> list[Start | Note]:
        """Place late tasks once more on what is free, the one that takes longest first; what waits has gone before."""
        if not self._pool.free_slots:
            return []
        commands: list[Start | Note] = []
        for work, task in sorted(self._late(now), key=lambda found: found[1].placed_at):
            first, took_s = task.attempt, now - task.placed_at
            start = self._placement.race(work, task, now)
            if start is not None and first is not None:
                about = f"{took_s:.1f} s on {first.node_id}, far longer than its peers: also tried on"
                text = f"{about} {start.attempt.node_id}"
                commands += [start, Note("second attempt", text, work.id, start.attempt.node_id, *task.spec.order)]
        return commands

    def _late(self, now: float) -> Iterator[tuple[Work, Task]]:
        limits: dict[tuple[str, int], float] = {}
        for attempt in [attempt for node in self._pool for attempt in node.running.values()]:
            found = self._book.find(attempt.task_id)
            if found is None or not _may_be_raced(*found) or found[1].attempt != attempt:
                continue
            work, task = found
            number = task.spec.order[0]
            if (work.id, number) not in limits:
                n_open = sum(each.spec.order[0] == number for each in work.tasks.values())
                limits[work.id, number] = work.pace.limit_s(number, n_open)
            if now - task.placed_at > limits[work.id, number]:
                yield work, task


def _may_be_raced(work: Work, task: Task) -> bool:
    return work.workload.limits.speculation and task.state is TaskState.PLACED and task.rival is None
