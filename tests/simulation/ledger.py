"""What really happened to every attempt, kept apart from the dispatcher and compared with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from coordinator.core.events import Broke, Declined, Delivered, Held, Outcome
from coordinator.core.model import Attempt
from coordinator.core.workload import TaskSpec
from rpc.errors import FailureKind
from tests.simulation.flaw import Flaw


class Phase(Enum):
    WORKING = auto()
    HELD = auto()
    FETCHING = auto()
    OVER = auto()  # done, failed, declined, or given up with its node


@dataclass(slots=True, eq=False)
class Entry:
    """One attempt. `is_calling`: a call for it is open, so that it occupies a slot of its node."""

    attempt: Attempt
    task: TaskSpec
    phase: Phase = Phase.WORKING
    is_calling: bool = True
    has_replied: bool = False  # the node did, to the present call
    is_withdrawn: bool = False
    is_of_the_dead: bool = False  # the coordinator that placed it was killed
    committed_round: int = 0  # what the node was told of its run
    value: int = 0  # the delta that comes of it


class Ledger:
    """Facts about attempts, and what follows from them for the work."""

    def __init__(self, limits: dict[str, tuple[int, int]], max_nodes: dict[str, int]) -> None:
        self._limits = limits  # by run: max_attempts, max_node_losses
        self._max_nodes = max_nodes
        self.entries: dict[int, Entry] = {}
        self.live: dict[int, Entry] = {}  # by fence
        self.raced: set[str] = set()  # tasks that have had two attempts at once
        self.done: set[str] = set()
        self.sessions: dict[str, int] = {}  # nodes that the dispatcher must take for connected
        self.slots: dict[str, int] = {}
        # By run: what the facts have made certain, and from which round on.
        self.must_fail: dict[str, dict[FailureKind, int]] = defaultdict(dict)
        self.failures_on: Counter[str] = Counter()  # by node: those that its attempts were waited for with
        self.done_on: Counter[str] = Counter()  # by node: what it has delivered to this start of the coordinator
        self._calling: dict[str, dict[int, Entry]] = defaultdict(dict)  # by node, of its present session
        self._lost_under: dict[str, set[str]] = defaultdict(set)
        self._failures: dict[str, Counter[FailureKind]] = defaultdict(Counter)
        self._specs: dict[str, TaskSpec] = {}
        self._newest_fence = 0

    def calling(self, node_id: str) -> dict[int, Entry]:
        """The attempts that occupy a slot of the node, by fence."""
        return self._calling[node_id]

    def connected(self, node_id: str, session: int, slots: int) -> None:
        self.session_over(node_id, self.sessions.get(node_id, -1))
        self.sessions[node_id], self.slots[node_id] = session, slots

    def session_over(self, node_id: str, session: int) -> None:
        """The dispatcher gives up what is on the node, if this is the session it knows."""
        if self.sessions.get(node_id) != session:
            return
        del self.sessions[node_id]
        for entry in [entry for entry in self.live.values() if entry.attempt.node_id == node_id]:
            self._lost(entry)
        for entry in self._calling[node_id].values():
            entry.is_calling = False
        self._calling[node_id].clear()

    def coordinator_died(self, is_committed: Callable[[TaskSpec], bool]) -> None:
        """All that was not committed never was, and nobody remembers what failed."""
        for entry in self.entries.values():
            entry.is_calling, entry.is_of_the_dead = False, True
        self.done = {task_id for task_id in self.done if is_committed(self._specs[task_id])}
        self.done_on.clear()
        for forgotten in (self.live, self.sessions, self._calling, self._lost_under, self._failures, self.must_fail):
            forgotten.clear()

    def went_back(self, run: str, number: int) -> None:
        """What was done of the run after this round is to be done again."""
        self.done = {
            task_id for task_id in self.done
            if self._specs[task_id].work_id != run or self._specs[task_id].order[0] <= number
        }  # fmt: skip

    def started(self, attempt: Attempt, task: TaskSpec) -> Entry:
        if attempt.fence <= self._newest_fence:
            raise Flaw(f"fence {attempt.fence} of {attempt.id} after fence {self._newest_fence}")
        self._newest_fence = attempt.fence
        self._specs[task.id] = task
        if task.id in self.done:
            raise Flaw(f"task {task.id} is placed on {attempt.node_id} although it is done already")
        others = self.live_of(task.id)
        if len(others) > 1 or any(other.attempt.node_id == attempt.node_id for other in others):
            raise Flaw(f"task {task.id} is placed on {attempt.node_id} although it has {len(others)} attempts already")
        if others:
            self.raced.add(task.id)
        entry = self.entries[attempt.fence] = self.live[attempt.fence] = Entry(attempt, task)
        self._call(entry)
        used = {each.attempt.node_id for each in self.live.values() if each.task.work_id == task.work_id}
        if 0 < self._max_nodes[task.work_id] < len(used):
            raise Flaw(f"run {task.work_id} is on {len(used)} nodes and wants {self._max_nodes[task.work_id]} at most")
        return entry

    def live_of(self, task_id: str) -> list[Entry]:
        """The attempts of a task that go on."""
        return [entry for entry in self.live.values() if entry.task.id == task_id]

    def fetching(self, attempt: Attempt) -> Entry:
        entry = self.entries[attempt.fence]
        if entry.phase is not Phase.HELD:
            raise Flaw(f"{attempt.id} is fetched but its result is not held: {entry.phase.name}")
        entry.phase = Phase.FETCHING
        self._call(entry)
        return entry

    def _call(self, entry: Entry) -> None:
        node_id, session = entry.attempt.node_id, entry.attempt.session
        if self.sessions.get(node_id) != session:
            raise Flaw(f"{entry.attempt.id} is sent to session {session} of {node_id}, which is over")
        entry.is_calling, entry.has_replied = True, False
        calling = self._calling[node_id]
        calling[entry.attempt.fence] = entry
        if len(calling) > self.slots[node_id]:
            raise Flaw(f"{node_id} is overbooked: {len(calling)} calls on {self.slots[node_id]} slots")

    def stopped(self, attempt: Attempt) -> None:
        entry = self.entries[attempt.fence]
        entry.is_withdrawn = True
        self.live.pop(attempt.fence, None)

    def answered(self, entry: Entry, outcome: Outcome) -> None:
        """A report came in; the call is over if it answers it, wanted or not."""
        if entry.is_calling and (entry.phase is not Phase.FETCHING or isinstance(outcome, Delivered | Broke)):
            entry.is_calling = False
            del self._calling[entry.attempt.node_id][entry.attempt.fence]

    def is_awaited(self, entry: Entry, outcome: Outcome) -> bool:
        """Whether the dispatcher must take this report in; any other it must refuse."""
        if entry.attempt.fence not in self.live:
            return False
        return entry.phase is Phase.WORKING or (
            entry.phase is Phase.FETCHING and isinstance(outcome, Delivered | Broke)
        )

    def reported(self, entry: Entry, outcome: Outcome) -> None:
        """Take in an awaited report."""
        task_id = entry.task.id
        match outcome:
            case Delivered():
                self.done.add(task_id)
                self.done_on[entry.attempt.node_id] += not outcome.is_known
                self._over(entry)
            case Held():
                entry.phase = Phase.HELD
            case Declined():
                self._over(entry)
            case Broke(FailureKind.NODE_LOST):
                self._lost(entry)
            case Broke(kind):
                self.failures_on[entry.attempt.node_id] += 1
                self._failures[task_id][kind] += 1
                self._over(entry)
                self._judge(entry.task)

    def _lost(self, entry: Entry) -> None:
        if entry.phase is not Phase.HELD:
            self._lost_under[entry.task.id].add(entry.attempt.node_id)
        self._over(entry)
        self._judge(entry.task)

    def _over(self, entry: Entry) -> None:
        entry.phase = Phase.OVER
        self.live.pop(entry.attempt.fence, None)

    def _judge(self, task: TaskSpec) -> None:
        max_attempts, max_losses = self._limits[task.work_id]
        failures = self._failures[task.id]
        if len(self._lost_under[task.id]) >= max_losses or failures.total() >= max_attempts:
            self.must_fail[task.work_id].setdefault(FailureKind.POISON, task.order[0])
        if failures[FailureKind.DIVERGED] >= 2:
            self.must_fail[task.work_id].setdefault(FailureKind.DIVERGED, task.order[0])
