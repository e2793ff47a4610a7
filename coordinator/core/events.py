"""What can happen to the dispatcher, and what it can ask of the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from coordinator.core.jobs import Job, JobValue
from coordinator.core.model import Attempt, WorkState
from coordinator.core.node_facts import NO_TASKS, MachineUse, NodeInfo, TaskCounts
from coordinator.core.saved import NO_PAST, Past
from coordinator.core.scores import Scores
from coordinator.core.workload import Result, TaskSpec, Workload
from rpc.errors import FailureKind, RejectReason


@dataclass(frozen=True, slots=True)
class Submitted:
    """A client handed in work.

    Attributes:
        at: when, for work that is taken up again after a restart; None: now.
        past: what was counted of it before the restart.
        ends: how works ended that it comes after, of those that the dispatcher need not know.
    """

    workload: Workload
    at: float | None = None
    past: Past = NO_PAST
    ends: Mapping[str, WorkState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CancelAsked:
    work_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """This end of a work is committed: what comes after it may begin."""

    work_id: str
    state: WorkState


@dataclass(frozen=True, slots=True)
class Removed:
    """Work that had ended is not stored any more."""

    work_id: str


@dataclass(frozen=True, slots=True)
class NodeUp:
    """A node answered hello on its control connection; `session` grows with every such answer."""

    info: NodeInfo
    session: int


@dataclass(frozen=True, slots=True)
class NodeDown:
    """The control connection of this session ended."""

    node_id: str
    session: int
    reason: str


@dataclass(frozen=True, slots=True)
class Beat:
    """The node answered a heartbeat."""

    node_id: str
    session: int
    numeric_classes: Mapping[str, str] = field(default_factory=dict)
    use: MachineUse = MachineUse()
    labels: Mapping[str, str] = field(default_factory=dict)
    is_leaving: bool = False


class NodeOrder(StrEnum):
    """What a person may want of a node; READMIT ends its quarantine, REMOVE its session."""

    DRAIN = "drain"
    RESUME = "resume"
    READMIT = "readmit"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Ordered:
    """Somebody gave an order about a node; it need not be connected. `is_news`: it is not from before a restart."""

    node_id: str
    order: NodeOrder
    reason: str = ""
    is_news: bool = True


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was held against the node before this start, and what it had done.

    Attributes:
        until: the end of its quarantine; 0.0: it was in none.
        counts: of its tasks.
    """

    node_id: str
    until: float = 0.0
    reason: str = ""
    counts: TaskCounts = NO_TASKS


class Delivered(NamedTuple):
    """The attempt succeeded and its result, with its vector if it has one, is here.

    Attributes:
        holder: where its vector is.
        is_known: the result was here before; the node was not asked.
    """

    holder: str
    result: Result
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The attempt succeeded; its vector is large and waits on the node."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The node rejected the task: no failure."""

    reason: RejectReason
    message: str = ""


class Accepted(NamedTuple):
    """The node has taken the task of this attempt."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Broke:
    """The attempt failed; `is_over`: the node has said that nothing of it lives there."""

    kind: FailureKind
    message: str
    is_over: bool = False


Outcome: TypeAlias = Delivered | Held | Declined | Broke


class Reported(NamedTuple):
    """A node reported on an attempt; the dispatcher decides whether the attempt is still the live one."""

    attempt: Attempt
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Computed:
    """A computation is done."""

    job: Job
    value: JobValue


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """The store takes no changes for this reason, or does again: then the reason is empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; see Dispatcher.wake_at."""


Event: TypeAlias = (
    Reported
    | Accepted
    | Computed
    | Beat
    | Tick
    | NodeUp
    | NodeDown
    | Ordered
    | Recalled
    | Submitted
    | CancelAsked
    | Remembered
    | Removed
    | StoreChanged
)


class Start(NamedTuple):
    """Send the task to the attempt's node."""

    attempt: Attempt
    task: TaskSpec


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bring the result that waits on the attempt's node."""

    attempt: Attempt
    task: TaskSpec


@dataclass(frozen=True, slots=True)
class Stop:
    """Tell the node that the attempt is no longer wanted; a script job has so many seconds to end itself."""

    attempt: Attempt
    grace_s: float = 0.0
    preempts: bool = False  # others need its place, and it waits for another one


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget the vector that arrived under this holder: nobody will ask for it."""

    holder: str


@dataclass(frozen=True, slots=True)
class Compute:
    job: Job


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close all connections of this session of a node."""

    node_id: str
    session: int
    reason: str


@dataclass(frozen=True, slots=True)
class Clear:
    """The node has something of work that is over: let it forget that."""

    node_id: str
    session: int
    work_id: str


@dataclass(frozen=True, slots=True)
class Release:
    """The work is over: forget all its vectors but the sealed model."""

    work_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody can ask for this work any more."""

    work_id: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person may want to know; becomes an event of the work (or of the node)."""

    kind: str
    message: str
    work_id: str = ""
    node_id: str = ""
    round: int = 0
    shard: int = -1


@dataclass(frozen=True, slots=True)
class SetBack:
    """An attempt failed, or was rejected; `scores` is what the policy saw when it chose the node."""

    attempt: Attempt
    task: TaskSpec
    cause: str  # code of the failure or of the rejection
    message: str
    rejected: bool = False
    scores: Scores | None = None


Command: TypeAlias = Start | Fetch | Stop | Drop | Compute | Disconnect | Clear | Release | Forget | Note | SetBack
