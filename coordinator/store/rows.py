"""What is read from the store. Rounds, surveys, nodes and events are read in the form in which they were written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coordinator.core.model import WorkState
from rpc.errors import FailureKind
from rpc.messages import RoundRow, ShardSummary


@dataclass(frozen=True, slots=True)
class StoredWork:
    """A piece of work without its spec; `number` grows in the order of submission. Times in ms since 1970, or 0."""

    number: int
    id: str
    kind: str
    name: str
    owner: str
    key: str
    priority: int
    select: Mapping[str, str]
    state: WorkState
    reason: str
    failure: FailureKind
    round: int
    rounds: int
    tasks_done: int
    tasks_total: int
    validation_error: float | None
    detail: Mapping[str, Any]
    submitted_ms: int
    started_ms: int
    ended_ms: int
    deadline_ms: int
    array_id: str = ""
    array_index: int = 0


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Work to go on with: the files it needs by role, its surveys by shard, its rounds by number.

    Attributes:
        ends: how those have ended, or stand, that it comes after.
    """

    work: StoredWork
    spec: bytes
    blobs: Mapping[str, str]
    summaries: tuple[ShardSummary, ...] = ()
    rounds: tuple[RoundRow, ...] = ()
    ends: Mapping[str, WorkState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndedMembers:
    """How many members of an array have ended in a state, and of those the one with the lowest index."""

    state: WorkState
    count: int
    first: StoredWork


@dataclass(frozen=True, slots=True)
class Holder:
    """The coordinator that writes to a store, for people who look for it."""

    host: str
    pid: int
    address: str
    since_ms: int
