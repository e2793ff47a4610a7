"""What the dispatcher needs of a piece of work: training runs and script jobs look the same to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias

from coordinator.core.jobs import Job, JobValue
from mlcore.mlp import n_weights
from rpc.errors import FailureKind
from rpc.messages import ScriptEnd, ScriptSpec, ScriptUsage, ShardSummary, TrainSettings

ARRAY = "array"  # the kind of a work that is made of others


class ScriptNeeds(NamedTuple):
    """What a node must have for a script job; empty or 0: anything will do."""

    sandbox: str = ""
    gpus: int = 0
    memory_bytes: int = 0
    cpus: float = 0.0
    network: bool = False


class After(NamedTuple):
    """A work that another one comes after; however it ends, or (`any_end` is false) only if it completes."""

    work_id: str
    any_end: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What a piece of work may ask of the queue, known before it begins.

    Attributes:
        key: a name that the owner gives no other work; empty: none.
        priority: larger ones go first.
        min_nodes: it begins when so many suitable nodes are there.
        max_nodes: it uses at most so many at once; 0: any.
        select: labels that its nodes must have.
        class_key: in which respect the numeric class of its nodes matters.
        script: what a script job needs; None: it is none.
        after: it begins when these have ended.
        holds_place: its one task takes long: it is pending until a node has taken that, and may have to give it back.
        array: the work that it is a member of, with this index there; empty: of none.
    """

    owner: str = ""
    key: str = ""
    priority: int = 0
    min_nodes: int = 1
    max_nodes: int = 0
    select: Mapping[str, str] = field(default_factory=dict)
    class_key: str = ""
    script: ScriptNeeds | None = None
    after: tuple[After, ...] = ()
    holds_place: bool = False
    array: str = ""
    index: int = 0


def class_key(dtype: str, threads: int) -> str:
    """In which respect the numeric class of a node matters to training."""
    return f"{dtype}/{threads}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What all training tasks of a run share.

    Attributes:
        n_weights: of the model.
        class_key: in which respect the numeric class of a node matters.
    """

    settings: TrainSettings
    threads: int
    offset: bytes = b""
    scale: bytes = b""
    max_delta_norm: float = 0.0  # 0: any
    n_weights: int = field(init=False)
    class_key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_weights", n_weights(self.settings.layers))
        object.__setattr__(self, "class_key", class_key(self.settings.dtype, self.threads))


@dataclass(frozen=True, slots=True)
class SurveyPayload:
    """Read the shard and describe it."""

    shard: int


@dataclass(frozen=True, slots=True)
class TrainPayload:
    """Train the model of the round before on the shard; the delta counts `weight` times, the shard has `rows` rows.

    Attributes:
        is_fresh: it is computed whatever is known.
    """

    round: int
    shard: int
    rows: int
    weight: int
    plan: Plan
    is_fresh: bool = False


@dataclass(frozen=True, slots=True)
class ScriptPayload:
    """Run the program."""

    spec: ScriptSpec


Payload: TypeAlias = SurveyPayload | TrainPayload | ScriptPayload


class TaskSpec(NamedTuple):
    """A task as its work defines it.

    Smaller orders go first. `data` is the blob it reads; `class_key` says in which respect the numeric class of its
    node matters; nodes to `avoid` get it only when no others are left. With a lease (`lease_s`, in seconds) an attempt
    may go on for so long where nobody hears of it, and only then there may be another one.
    """

    id: str
    work_id: str
    kind: str
    order: tuple[int, int]
    payload: Payload
    data: str = ""
    class_key: str = ""
    avoid: tuple[str, ...] = ()
    lease_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The result of a survey."""

    summary: ShardSummary


class Trained(NamedTuple):
    """The result of training; the vector itself is kept under the attempt's id, already multiplied by its weight.

    Attributes:
        digest: XXH3-64 of the update as `node` computed it.
    """

    loss: float
    epochs_run: int
    send_s: float = 0.0
    compute_s: float = 0.0
    receive_s: float = 0.0
    digest: int = 0
    node: str = ""


@dataclass(frozen=True, slots=True)
class Scripted:
    """The result of a script job, whatever became of its program."""

    end: ScriptEnd
    usage: ScriptUsage
    node: str
    sandbox: str


Result: TypeAlias = Surveyed | Trained | Scripted


class Before(NamedTuple):
    """What was known of a task before the coordinator started.

    Attributes:
        node: that had it last, and may have it still.
        has_begun: it is known that this node had begun with it.
        failures: what counts against the task, by kind.
    """

    node: str
    has_begun: bool = False
    failures: Mapping[FailureKind, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Queue:
    """The work has a new task, or one that was placed before the coordinator started."""

    task: TaskSpec
    before: Before | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A task is no longer wanted."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The placed task shall end itself within the grace, in seconds, and tell what it has."""

    task_id: str
    grace_s: float


@dataclass(frozen=True, slots=True)
class End:
    """The work is over: completed (no failure), or failed or cancelled for a reason."""

    failure: FailureKind = FailureKind.NONE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell whoever watches."""

    kind: str
    message: str
    round: int = 0
    shard: int = -1


Step: TypeAlias = Queue | Withdraw | Interrupt | End | Remark | Job


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a task of this work may go wrong, and whether it may be tried on two nodes at once."""

    max_attempts: int = 5
    max_node_losses: int = 3
    speculation: bool = False


class Workload(Protocol):
    """A piece of work: answers what happened to its tasks with the steps to take next."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def claim(self) -> Claim: ...
    @property
    def mixed_classes(self) -> bool: ...

    @property
    def tasks_total(self) -> int: ...

    @property
    def deadline(self) -> float | None:
        """When `on_deadline` wants to be asked, or None."""

    def begin(self, now: float) -> list[Step]: ...
    def on_placed(self, task: TaskSpec, waited_s: float) -> None: ...
    def on_set_back(self, task: TaskSpec, rejected: bool) -> list[Step]: ...
    def on_result(self, task: TaskSpec, holder: str, result: Result, now: float) -> list[Step]: ...
    def on_task_failed(self, task: TaskSpec, kind: FailureKind, message: str) -> list[Step]: ...
    def on_computed(self, job: Job, value: JobValue, now: float) -> list[Step]: ...
    def on_deadline(self, waiting_for: str, now: float) -> list[Step]: ...
    def on_cancel(self, reason: str, now: float) -> list[Step]: ...

    def may_fetch(self, task: TaskSpec) -> bool:
        """Whether a result that waits on its node should be brought now (bounds the coordinator's memory)."""
