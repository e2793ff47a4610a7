"""What can be written: each change is one fact, and a batch of them becomes true at once or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from coordinator.core.model import WorkState
from coordinator.store.identity_changes import Audited, TokenKept, TokenRemoved
from rpc.errors import FailureKind
from rpc.messages import EventRow, RoundRow, ShardSummary


@dataclass(frozen=True, slots=True)
class WorkSubmitted:
    """There is new work. Late where its owner has used the key before: then that earlier work is the one; and where
    its parent, or something that it comes after, has been forgotten.

    Attributes:
        spec: whatever the work is made from again after a restart.
        select: labels that its nodes must have.
        blobs: the files it needs, by role.
        parent: whose survey, and whose rounds up to `parent_round`, are its own too.
        after: works that it comes after.
        members: of an array: their ids by index. Each is a work of the kind `member_kind` that begins with the
            array's spec and files: it has none of its own.
    """

    id: str
    kind: str
    name: str
    spec: bytes
    at_ms: int
    owner: str = ""
    key: str = ""
    priority: int = 0
    select: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 0
    tasks_total: int = 0
    deadline_ms: int = 0
    blobs: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    parent_round: int = 0
    after: tuple[str, ...] = ()
    members: Mapping[int, str] = field(default_factory=dict)
    member_kind: str = ""


@dataclass(frozen=True, slots=True)
class WorkStarted:
    """Late where the work is not pending any more."""

    work: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class WorkRested:
    """The work is pending again. Late where it is not running."""

    work: str


@dataclass(frozen=True, slots=True)
class WorkEnded:
    """Late where the work has ended before: the first end stays."""

    work: str
    state: WorkState
    at_ms: int
    reason: str = ""
    failure: FailureKind = FailureKind.NONE


@dataclass(frozen=True, slots=True)
class WorkProgressed:
    """How far a work is; `detail` holds the figures that nobody searches for."""

    work: str
    round: int
    rounds: int
    tasks_done: int
    tasks_total: int
    validation_error: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShardSurveyed:
    work: str
    shard: int
    summary: ShardSummary


@dataclass(frozen=True, slots=True)
class RoundDone:
    """A round with its figures; `detail` says who did it: its successful attempts are this one row."""

    work: str
    row: RoundRow
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoundsUndone:
    """The rounds of a work above `after` are to be done again; written before those that are done again."""

    work: str
    after: int


@dataclass(frozen=True, slots=True)
class RoundCommitted:
    """How long after its end a round was committed, in seconds; written after the round itself."""

    work: str
    round: int
    commit_s: float


class Outcome(StrEnum):
    """How an attempt ended that has a row of its own."""

    FAILED = "failed"
    REJECTED = "rejected"
    PREEMPTED = "preempted"


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """One attempt that is worth a row of its own; `scores` is what the policy saw when it chose the node.

    Attributes:
        cause: the code of the failure or of the rejection.
    """

    work: str
    task: str
    node: str
    outcome: Outcome
    at_ms: int
    round: int = 0
    shard: int = -1
    fence: int = 0
    cause: str = ""
    message: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value of a metric of a work; several of one step are all kept.

    Attributes:
        log_end: the offset in the work's log up to which its metrics are known with this one.
    """

    work: str
    name: str
    step: int
    value: float
    at_ms: int
    log_end: int = 0


@dataclass(frozen=True, slots=True)
class BlobNamed:
    """From now on the work needs this file in this role in place of the one before; "" names none."""

    work: str
    role: str
    blob: str


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """What is known of a node now.

    Attributes:
        source: how it became known, such as a file of nodes or a node that dialled in.
        until_ms: the end of its quarantine, or 0.
        done: tasks; those of the last seconds before a crash are not counted.
    """

    id: str
    name: str
    address: str
    source: str
    state: str
    seen_ms: int
    reason: str = ""
    until_ms: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    done: int = 0
    rejected: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class NodeRemoved:
    id: str


@dataclass(frozen=True, slots=True)
class ScheduleKept:
    """What is known of a schedule now.

    Attributes:
        body: all of it, encoded.
        blobs: the files that its jobs need.
    """

    id: str
    made_ms: int
    body: bytes
    blobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScheduleRemoved:
    id: str


@dataclass(frozen=True, slots=True)
class WebhookKept:
    """What is known of a webhook now; `last` is the event up to which it was told."""

    id: str
    url: str
    states: tuple[str, ...]
    secret: str
    made_ms: int
    last: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRemoved:
    id: str


@dataclass(frozen=True, slots=True)
class WorkForgotten:
    """Nobody will ask for the work: it goes with all that belongs to it."""

    work: str


# An event is written as clients are shown it. Its number is above that of every event before.
Change: TypeAlias = (
    WorkSubmitted
    | WorkStarted
    | WorkRested
    | WorkEnded
    | WorkProgressed
    | ShardSurveyed
    | RoundDone
    | RoundsUndone
    | RoundCommitted
    | AttemptEnded
    | Measured
    | BlobNamed
    | NodeSeen
    | NodeRemoved
    | EventRow
    | ScheduleKept
    | ScheduleRemoved
    | WebhookKept
    | WebhookRemoved
    | TokenKept
    | TokenRemoved
    | Audited
    | WorkForgotten
)
