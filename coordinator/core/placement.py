"""Which node gets which task."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from coordinator.core.bindings import Bindings
from coordinator.core.events import Command, Fetch, Start
from coordinator.core.kept_free import KeptFree
from coordinator.core.model import Attempt, Band, Node, Rival, Task, TaskState, Work, WorkState
from coordinator.core.pool import NodePool
from coordinator.core.queue import Turn, WorkQueue
from coordinator.core.settings import Settings
from coordinator.core.suitability import is_at_its_limit, largest_class, n_suitable, suits, within_its_limit
from coordinator.core.tasks import TaskBook

# Work that has begun and has no task yet waits for the coordinator itself: to begin more of it would only cost memory.
_IDLE_WORK = 16
_ROUNDS_AT_ONCE = 4  # more than are under way, or about to be remembered
# So long a task waits for nodes that have not had it and are busy, perhaps for hours: then all may have it again.
_DECLINED_S = 2.0
_FAILED_S = 30.0  # the same where it has failed, or where it is not wanted for a while

Begin = Callable[[Work, float], None]


class Placement:
    """Puts ready tasks on free slots, in the order of the queue.

    Attributes:
        kept_free: slots that are kept for works which go before others.
    """

    def __init__(
        self, pool: NodePool, queue: WorkQueue, book: TaskBook, bindings: Bindings, *, settings: Settings, rng: Random
    ) -> None:
        self._pool = pool
        self._queue = queue
        self._book = book
        self._bindings = bindings
        self._settings = settings
        self._rng = rng
        self._fence = settings.last_fence
        self.kept_free = KeptFree(pool)

    def place(self, begin: Begin, now: float) -> list[Command]:
        """Place what can be placed; return the commands that start it. Work whose turn has come is begun."""
        if self._pool.news:
            self._book.ask_again(self._pool.news, now)
            self._pool.news.clear()
        commands = [*self._fetch_held(), *self._start_bound(now)]
        if not self._pool.free_slots or self._queue.is_empty:
            return commands
        closed: set[Band] = set()  # whose works cannot have any node that is free now
        passed_over: list[tuple[Work, Task]] = []
        while self._pool.free_slots and (turn := self._queue.next(closed)) is not None:
            if not (turn.work.owner.has_room_for(turn.work.id) or turn.work.ran_before):
                self._queue.park(turn.work)
            elif turn.work.awaits_turn:
                self._begin(turn.work, closed, begin, now)
            else:
                self._queue.take_place(turn.work)
                commands += self._serve(turn, closed, passed_over, now)
        for work, task in passed_over:
            self._book.put_back(work, task)
        return commands + self._start_bound(now)  # work that has just begun may be where it was before a restart

    def _start_bound(self, now: float) -> list[Command]:
        return [self._start(work, task, node, now) for work, task, node in self._bindings.ready()]

    def race(self, work: Work, task: Task, now: float) -> Start | None:
        """Place a task that is placed once more, beside its attempt, if a node that is free suits it."""
        first = task.attempt
        assert first is not None
        suitable = within_its_limit(work, suits(work, task, self._pool))
        others = {first.node_id, *task.refused_by, *task.avoid}
        node = self._pool.choose(lambda node_id: node_id not in others and suitable(node_id), None, self._rng)
        if node is None:
            return None
        task.rival = Rival(first, task.placed_at, task.charged_s)
        task.ready_at = now
        return self._start(work, task, node, now)

    def _serve(self, turn: Turn, closed: set[Band], passed_over: list[tuple[Work, Task]], now: float) -> list[Command]:
        """Place tasks of the work as long as it is its turn."""
        commands: list[Command] = []
        work = turn.work
        while (task := self._book.next_ready(work)) is not None:
            node = self._choose(work, task, now)
            if node is not None:
                commands.append(self._start(work, task, node, now))
            elif task.state is TaskState.READY:
                passed_over.append((work, task))
                if not self._is_particular(task):
                    self._stand_back(work, closed)
                    break
            if work.owner.service > turn.limit or not self._pool.free_slots:
                break
        return commands

    def _begin(self, work: Work, closed: set[Band], begin: Begin, now: float) -> None:
        assert work.band is not None
        if not self._may_begin(work):
            closed.add(work.band)
            return
        self._queue.remove(work)
        self._queue.take_place(work)
        begin(work, now)

    def _may_begin(self, work: Work) -> bool:
        """Whether a node is free for the work, and enough others are there."""
        if len(self._book.idle) >= _IDLE_WORK + len(self._pool):
            return False
        if work.claim.min_nodes > 1 and n_suitable(work, self._pool) < work.claim.min_nodes:
            return False
        suitable = self.kept_free.without(work, suits(work, None, self._pool))
        return self._pool.choose(suitable, None, self._rng) is not None

    def _stand_back(self, work: Work, closed: set[Band]) -> None:
        """No node that is free now may have a task of the work: so it is with all work that is like it."""
        assert work.band is not None
        if is_at_its_limit(work):
            self._queue.remove(work)
        else:
            closed.add(work.band)

    def _fetch_held(self) -> list[Command]:
        commands: list[Command] = []
        for work, task in self._book.held():
            attempt = task.attempt
            node = self._pool.get(attempt.node_id, attempt.session) if attempt else None
            if attempt and node and node.idle_slots > 0 and work.workload.may_fetch(task.spec):
                del work.held[task.spec.id]
                task.become(TaskState.FETCHING)
                self._pool.occupy(node, attempt)
                commands.append(Fetch(attempt, task.spec))
        return commands

    def _is_particular(self, task: Task) -> bool:
        """Whether the task may have no node where others may."""
        return bool(task.refused_by or task.avoid) or self._pool.keeper(task.spec.id) is not None

    def _choose(self, work: Work, task: Task, now: float) -> Node | None:
        """Return a node for the task, or None; a task that every node has declined is delayed."""
        if work.numeric_class is None and task.spec.class_key and not work.workload.mixed_classes:
            self._choose_class(work, task.spec.class_key)
        suitable = within_its_limit(work, suits(work, task, self._pool))
        keeper = self._pool.keeper(task.spec.id)
        if keeper is not None and keeper.id not in task.refused_by and suitable(keeper.id):
            return keeper if keeper.free_slots > 0 else None  # soon: that is quicker than training anywhere
        holder = work.holders.get(task.spec.data)
        may_have = self.kept_free.without(work, suitable)
        if not (task.refused_by or task.avoid):
            return self._pool.choose(may_have, holder, self._rng)
        left = [node.id for node in self._pool.live() if suitable(node.id)]
        if left and task.refused_by.issuperset(left):
            backoff = self._settings.firm_backoff if task.are_firm else self._settings.decline_backoff
            task.refused_by_all()
            if work.state is WorkState.PENDING:  # else what nobody takes would keep its owner's other works waiting
                self._queue.give_back(work)
            self._book.delay(work, task, now + backoff.delay_s(task.sweeps, self._rng), now)
            return None
        if left and all(node_id in task.refused_by or node_id in task.avoid for node_id in left):
            task.avoid.clear()
        if now - task.ready_at > (_FAILED_S if task.avoid or task.are_firm else _DECLINED_S):
            task.avoid.clear()
            task.refused_by.clear()

        def fits(node_id: str) -> bool:
            return node_id not in task.refused_by and node_id not in task.avoid and may_have(node_id)

        return self._pool.choose(fits, holder, self._rng)

    def _choose_class(self, work: Work, key: str) -> None:
        """All tasks of the work run in one numeric class from now on."""
        work.numeric_class = largest_class(work, self._pool, key)
        if work.numeric_class is not None:
            self._queue.remove(work)
            self._queue.add(work)

    def _start(self, work: Work, task: Task, node: Node, now: float) -> Start:
        self._fence += 1
        task.attempt = Attempt(task.spec.id, self._fence, node.id, node.session)
        if task.tries or task.spec.order[0] not in work.scores:
            self._score(work, task)
        task.tries += 1
        task.worked_s = 0.0
        task.become(TaskState.PLACED)
        work.workload.on_placed(task.spec, now - task.ready_at)
        task.placed_at = now
        if task.spec.class_key:
            work.classes_used.add(node.classes[task.spec.class_key])
        work.holders[task.spec.data] = node.id
        self._pool.occupy(node, task.attempt)
        self._book.occupy(work, task)
        self._bindings.placed(task, node.id)
        return Start(task.attempt, task.spec)

    def _score(self, work: Work, task: Task) -> None:
        """Write down what the policy sees: once a round, and for tasks that were set back."""
        scores = self._pool.scores(within_its_limit(work, suits(work, task, self._pool)))
        number = task.spec.order[0]
        if task.tries:
            task.scores = scores
        if number not in work.scores:
            work.scores[number] = scores
            work.scores.pop(number - _ROUNDS_AT_ONCE, None)
