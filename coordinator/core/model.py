"""Work, tasks and nodes as the dispatcher knows them, and the tables of their legal state changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import NamedTuple

from coordinator.core.node_facts import MachineUse, NodeInfo, TaskCounts
from coordinator.core.owners import FIRST_GUESS_S, Owner
from coordinator.core.pace import Pace
from coordinator.core.scores import Scores
from coordinator.core.workload import Claim, ScriptNeeds, TaskSpec, Workload
from rpc.errors import FailureKind

MEMO = "memo"  # stands for a node where tasks are counted: their results were known before


class WorkState(StrEnum):
    """What clients see of a piece of work."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (WorkState.COMPLETED, WorkState.FAILED, WorkState.CANCELLED)


class TaskState(StrEnum):
    """Where a task is. READY and DELAYED wait; PLACED and FETCHING occupy a slot; HELD has its result on the node."""

    READY = "ready"
    DELAYED = "delayed"
    PLACED = "placed"
    HELD = "held"
    FETCHING = "fetching"
    DONE = "done"
    DROPPED = "dropped"


class NodeState(StrEnum):
    READY = "ready"
    QUARANTINED = "quarantined"
    LOST = "lost"


_WORK_CHANGES: Mapping[WorkState, frozenset[WorkState]] = {
    WorkState.PENDING: frozenset({WorkState.RUNNING, WorkState.FAILED, WorkState.CANCELLED}),
    WorkState.RUNNING: frozenset({WorkState.PENDING, WorkState.COMPLETED, WorkState.FAILED, WorkState.CANCELLED}),
}

_WAITING = frozenset({TaskState.READY, TaskState.DELAYED, TaskState.DROPPED})
_TASK_CHANGES: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.READY: frozenset({TaskState.PLACED, TaskState.DELAYED, TaskState.DROPPED}),
    TaskState.DELAYED: frozenset({TaskState.READY, TaskState.DROPPED}),
    # Placed when it is placed: a second attempt beside the first.
    TaskState.PLACED: _WAITING | {TaskState.PLACED, TaskState.HELD, TaskState.FETCHING, TaskState.DONE},
    TaskState.HELD: _WAITING | {TaskState.FETCHING},
    TaskState.FETCHING: _WAITING | {TaskState.DONE},
}


class IllegalChange(Exception):
    """A bug: somebody asked for a state change that the tables do not allow."""


class Attempt(NamedTuple):
    """One try of a task on a node. The fence is different for every attempt there ever was and only grows."""

    task_id: str
    fence: int
    node_id: str
    session: int

    @property
    def id(self) -> str:
        return f"{self.task_id}#{self.fence}"


class Rival(NamedTuple):
    """The other live attempt of a placed task; see the attributes of Task."""

    attempt: Attempt
    placed_at: float
    charged_s: float


@dataclass(slots=True, eq=False)
class Task:
    """A task with its history.

    `attempt` is the live attempt, and `rival` another one beside it, only while the task is placed; replies to any
    other one are stale.
    """

    spec: TaskSpec
    ready_at: float
    placed_at: float = 0.0
    worked_s: float = 0.0  # what its node needed, where its result had to wait there
    charged_s: float = 0.0  # what its owner was charged for the attempt
    state: TaskState = TaskState.READY
    attempt: Attempt | None = None
    rival: Rival | None = None
    tries: int = 0
    failures: dict[FailureKind, int] = field(default_factory=dict)
    sweeps: int = 0  # times that every node had declined
    lost_nodes: set[str] = field(default_factory=set)
    refused_by: set[str] = field(default_factory=set)  # in this sweep
    crowded_by: set[str] = field(default_factory=set)  # said last that what they run leaves no room for it
    are_firm: bool = False  # all of those have said what stands for a while
    is_swept: bool = False  # every node has declined, and none is asked now
    avoid: set[str] = field(default_factory=set)  # failed there; used again only when nobody else is left
    scores: Scores | None = None  # when its attempt was placed; None: as for the first task of its round
    until: float = 0.0  # while it is delayed
    bound: str = ""  # the node on which an attempt may live on that nobody hears of; empty: there is none
    bound_until: float = inf  # then it cannot any more
    unheard: int = 0  # attempts that went wrong while the task was bound, so that nobody knows what became of them

    def become(self, state: TaskState) -> None:
        if state not in _TASK_CHANGES.get(self.state, frozenset()):
            raise IllegalChange(f"task {self.spec.id}: {self.state} to {state}")
        self.state = state

    def refused(self, node_id: str, *, is_firm: bool, is_crowded: bool = False) -> None:
        """A node has declined the task, and has nothing of it.

        A firm no is one that stands for a while; a crowded node would take the task if it ran fewer jobs.
        """
        self.are_firm = is_firm and (self.are_firm or not self.refused_by)
        self.refused_by.add(node_id)
        (self.crowded_by.add if is_crowded else self.crowded_by.discard)(node_id)
        self.bound = ""

    def refused_by_all(self) -> None:
        """Every node has declined: they are asked again in a while, and others when they come."""
        self.is_swept = True
        self.sweeps += 1

    def begin_sweep(self) -> None:
        """Ask all nodes again, if all have declined."""
        if self.is_swept:
            self.is_swept = False
            self.refused_by.clear()

    def swap(self) -> None:
        """Let the rival be the attempt, and the attempt the rival."""
        assert self.attempt is not None and self.rival is not None
        old = Rival(self.attempt, self.placed_at, self.charged_s)
        self.attempt, self.placed_at, self.charged_s = self.rival
        self.rival = old

    def turns_to(self, attempt: Attempt) -> bool:
        """Whether this is the rival, which is the attempt then."""
        if self.rival is None or self.rival.attempt != attempt:
            return False
        self.swap()
        return True


class Band(NamedTuple):
    """What decides which nodes a waiting work may have: works in one band may have the same ones."""

    priority: int
    select: tuple[tuple[str, str], ...]
    class_key: str
    numeric_class: str | None
    min_nodes: int
    has_begun: bool
    script: ScriptNeeds | None


@dataclass(slots=True, eq=False)
class Work:
    """A piece of work with the tasks it has open. `number` is its place in the order of submission."""

    workload: Workload
    submitted_at: float
    number: int
    owner: Owner
    deadline: float | None = None  # as far as it was noted
    state: WorkState = WorkState.PENDING
    is_begun: bool = False  # its turn has come, and it has tasks
    ran_before: bool = False  # this start: what may still be on its nodes needs no place of its owner
    reason: str = ""
    failure: FailureKind = FailureKind.NONE
    started_at: float | None = None
    ended_at: float | None = None
    tasks: dict[str, Task] = field(default_factory=dict)  # the open ones
    awaits: dict[str, bool] = field(default_factory=dict)  # works to end first; true: in whatever way
    held: dict[str, Task] = field(default_factory=dict)  # those of them whose result waits on its node
    ready: list[tuple[tuple[int, int], str]] = field(default_factory=list)  # heap of (order, task id)
    band: Band | None = None  # where it stands in the queue, if it does
    nodes: dict[str, int] = field(default_factory=dict)  # attempts on each
    task_s: float = FIRST_GUESS_S  # smoothed time of a task
    numeric_class: str | None = None  # the one that all its tasks must run in, once chosen
    pace: Pace = field(default_factory=Pace)
    classes_used: set[str] = field(default_factory=set)
    holders: dict[str, str] = field(default_factory=dict)  # by blob: the node that had it last
    lacking: Counter[tuple[str, str]] = field(default_factory=Counter)  # by blob and node: times it could not be had
    scores: dict[int, Scores] = field(default_factory=dict)  # by round: when its first task was placed
    tasks_done: int = 0
    rejections: int = 0
    retries: int = 0
    done_by_node: Counter[str] = field(default_factory=Counter)
    is_remembered: bool = False  # its end is committed, so that clients may be told

    @property
    def id(self) -> str:
        return self.workload.id

    @property
    def claim(self) -> Claim:
        return self.workload.claim

    @property
    def awaits_turn(self) -> bool:
        """Whether it has not begun yet, and will."""
        return not (self.is_begun or self.state.is_final)

    def become(self, state: WorkState, now: float) -> None:
        if state not in _WORK_CHANGES.get(self.state, frozenset()):
            raise IllegalChange(f"work {self.id}: {self.state} to {state}")
        self.state = state
        if state is WorkState.RUNNING:
            if self.started_at is None:  # else before a restart
                self.started_at = now
        elif state.is_final:
            self.ended_at = now

    def shed(self) -> None:
        """Nothing is placed for it any more: let go of what only placing needs, as much as its shards are many."""
        self.tasks, self.held, self.nodes, self.holders, self.lacking = {}, {}, {}, {}, Counter()
        self.awaits, self.ready, self.pace = {}, [], Pace()


@dataclass(slots=True, eq=False)
class Node:
    """A node with what runs on it. A new session starts with every hello on its control connection."""

    info: NodeInfo
    session: int
    beat_at: float
    id: str = field(init=False)
    state: NodeState = NodeState.READY
    reason: str = ""
    classes: dict[str, str] = field(default_factory=dict)
    running: dict[int, Attempt] = field(default_factory=dict)  # by fence: those that occupy a slot
    service_s: float = 0.0  # smoothed time of a task; 0 before the first
    done: int = 0
    rejected: int = 0
    failed: int = 0
    blames: int = 0  # failures in a row
    on_probation: bool = False
    quarantines: int = 0
    until: float = 0.0  # end of the quarantine
    quarantined_for: str = ""  # the last time
    use: MachineUse = MachineUse()
    is_drained: bool = False  # somebody said that it gets nothing new
    is_leaving: bool = False  # it said that it ends soon
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.id = self.info.id

    @property
    def counts(self) -> TaskCounts:
        return TaskCounts(self.done, self.rejected, self.failed)

    @property
    def takes_tasks(self) -> bool:
        """Whether it may get tasks, now or when a slot is free."""
        return self.state is NodeState.READY and not (self.is_drained or self.is_leaving)

    @property
    def free_slots(self) -> int:
        """Slots for new tasks."""
        if not self.takes_tasks:
            return 0
        return (1 if self.on_probation else self.info.slots) - len(self.running)

    @property
    def idle_slots(self) -> int:
        """Connections on which nothing runs: a result may be fetched there even from a node in quarantine."""
        return 0 if self.state is NodeState.LOST else self.info.slots - len(self.running)
