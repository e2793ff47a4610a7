"""Which node gets which task, and what a task waits for that gets none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

from coordinator.core.events import Command, Fetch, Start
from coordinator.core.model import Attempt, Node, NodeState, Task, TaskState, Work
from coordinator.core.policies import Test
from coordinator.core.pool import NodePool
from coordinator.core.retry import Backoff
from coordinator.core.tasks import TaskBook, put_back, take_ready


class Placement:
    """Puts ready tasks on free slots, work by work in the order of submission."""

    def __init__(self, pool: NodePool, book: TaskBook, backoff: Backoff, rng: Random) -> None:
        self._pool = pool
        self._book = book
        self._backoff = backoff
        self._rng = rng
        self._fence = 0

    def place(self, open_work: Iterable[Work], now: float) -> list[Command]:
        """Place what can be placed; return the commands that start it."""
        commands: list[Command] = []
        for work in open_work:
            if work.held:
                commands += self._fetch_held(work)
            if work.ready and self._pool.free_slots:
                commands += self._place_ready(work, now)
        return commands

    def _fetch_held(self, work: Work) -> list[Command]:
        commands: list[Command] = []
        for task in list(work.held.values()):
            attempt = task.attempt
            node = self._pool.get(attempt.node_id, attempt.session) if attempt else None
            if attempt and node and node.idle_slots > 0 and work.workload.may_fetch(task.spec):
                del work.held[task.spec.id]
                task.become(TaskState.FETCHING)
                self._pool.occupy(node, attempt)
                commands.append(Fetch(attempt, task.spec))
        return commands

    def _place_ready(self, work: Work, now: float) -> list[Command]:
        commands: list[Command] = []
        passed_over: list[Task] = []
        for task in take_ready(work):
            node = self._choose(work, task, now) if self._pool.free_slots else None
            if node is not None:
                commands.append(self._start(work, task, node, now))
            elif task.state is TaskState.READY:
                passed_over.append(task)
                if self._pool.free_slots and self._pool.keeper(task.spec.id) is not None:
                    continue  # it waits for one node; the next one may not
                if not self._pool.free_slots or not (task.refused_by or task.avoid):
                    break  # no slot, or no node for a task that has nothing against any: none for the rest either
        for task in passed_over:
            put_back(work, task)
        return commands

    def _choose(self, work: Work, task: Task, now: float) -> Node | None:
        """Return a node for the task, or None; a task that every node has declined is delayed."""
        if work.numeric_class is None and task.spec.class_key and not work.workload.mixed_classes:
            work.numeric_class = _largest_class(self._pool, task.spec.class_key)
        suitable = _suits(work, task, self._pool)
        keeper = self._pool.keeper(task.spec.id)
        if keeper is not None and keeper.id not in task.refused_by and suitable(keeper.id):
            return keeper if keeper.free_slots > 0 else None  # soon: that is quicker than training anywhere
        if task.refused_by or task.avoid:
            left = [node.id for node in self._pool.live() if suitable(node.id)]
            if left and task.refused_by.issuperset(left):
                task.refused_by.clear()
                task.sweeps += 1
                self._book.delay(task, now + self._backoff.delay_s(task.sweeps, self._rng))
                return None
            if left and all(node_id in task.refused_by or node_id in task.avoid for node_id in left):
                task.avoid.clear()

        def fits(node_id: str) -> bool:
            return node_id not in task.refused_by and node_id not in task.avoid and suitable(node_id)

        return self._pool.choose(fits, work.holders.get(task.spec.data), self._rng)

    def _start(self, work: Work, task: Task, node: Node, now: float) -> Start:
        self._fence += 1
        task.attempt = Attempt(task.spec.id, self._fence, node.id, node.session)
        task.tries += 1
        task.worked_s = 0.0
        task.become(TaskState.PLACED)
        work.workload.on_placed(task.spec, now - task.ready_at)
        task.placed_at = now
        if task.spec.class_key:
            work.classes_used.add(node.classes[task.spec.class_key])
        work.holders[task.spec.data] = node.id
        self._pool.occupy(node, task.attempt)
        return Start(task.attempt, task.spec)


def _suits(work: Work, task: Task, pool: NodePool) -> Test:
    """Whether a node may run the task at all, whatever it is doing now."""
    key, wanted = task.spec.class_key, work.numeric_class
    if not key:
        return lambda node_id: True

    def suitable(node_id: str) -> bool:
        node = pool.current(node_id)
        found = node.classes.get(key) if node is not None else None
        return found is not None and (wanted is None or found == wanted)

    return suitable


def _largest_class(pool: NodePool, key: str) -> str | None:
    """The numeric class with most slots among the live nodes; the smaller name on a tie."""
    slots: Counter[str] = Counter()
    for node in pool.live():
        if key in node.classes:
            slots[node.classes[key]] += node.info.slots
    return min(slots, key=lambda name: (-slots[name], name), default=None)


def waiting_for(work: Work, pool: NodePool) -> str:
    """What the work cannot go on without, in words; empty when something runs or a slot will do."""
    waiting = [task for task in work.tasks.values() if task.state in (TaskState.READY, TaskState.DELAYED)]
    live = list(pool.live())
    if waiting and live and all(task.sweeps for task in work.tasks.values()):
        return f"a compute node that accepts: all {len(live)} decline"
    if not waiting or len(waiting) < len(work.tasks):
        return ""
    if not live:
        quarantined = [node.id for node in pool if node.state is NodeState.QUARANTINED]
        if quarantined:
            return f"a healthy compute node: {', '.join(quarantined)} in quarantine after repeated failures"
        return "a compute node: none is connected"
    key = waiting[0].spec.class_key
    if key and not any(_suits(work, waiting[0], pool)(node.id) for node in live):
        if work.numeric_class is None:
            return f"a compute node that offers {key} (dtype/threads)"
        return f"a compute node of numeric class {work.numeric_class} ({key}); --mixed-classes allows others"
    return ""
