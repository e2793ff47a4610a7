"""The simulated store: what is in it outlives the coordinator. Strict: what must not be written twice is a flaw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from coordinator.core.model import WorkState
from coordinator.core.workload import TaskSpec
from coordinator.store.changes import (
    BlobNamed,
    Change,
    RoundDone,
    RoundsUndone,
    ShardSurveyed,
    WorkEnded,
    WorkProgressed,
    WorkStarted,
    WorkSubmitted,
)
from coordinator.store.failures import StoreDown
from coordinator.store.rows import OpenWork, StoredWork
from rpc.blobs import blob_name
from rpc.errors import FailureKind, MissingBlob
from rpc.messages import Buffer, EventRow
from tests.simulation.clock import Clock
from tests.simulation.flaw import Flaw
from tests.simulation.schedule import OutagePlan

_OPEN = (WorkState.PENDING, WorkState.RUNNING)


@dataclass(slots=True)
class Rows:
    """All that is committed of one piece of work."""

    work: StoredWork
    spec: bytes
    blobs: dict[str, str]
    surveys: dict[int, ShardSurveyed] = field(default_factory=dict)
    rounds: list[RoundDone] = field(default_factory=list)


class Blobs:
    """Files by name."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.damaged: set[str] = set()

    def store(self, data: Buffer) -> str:
        name = blob_name(data)
        self.files[name] = bytes(data)
        self.damaged.discard(name)
        return name

    def checked(self, name: str) -> bytes:
        if name in self.damaged:
            raise MissingBlob(f"{name} was damaged")
        return self.files[name]

    def remove(self, name: str, *, untouched_s: float = 0.0) -> None:
        self.files.pop(name, None)

    def number(self, name: str) -> int:
        """The digest that a file holds."""
        if name not in self.files:
            raise Flaw(f"file {name!r} is needed and not there")
        return int.from_bytes(self.files[name], "little")


class SimStore:
    """Writes as the store does, and reads as its reader does; during an outage it takes nothing."""

    def __init__(self, clock: Clock, outages: Sequence[OutagePlan]) -> None:
        self._clock = clock
        self._outages = outages
        self.blobs = Blobs()
        self.rows: dict[str, Rows] = {}
        self.told: dict[int, EventRow] = {}  # committed events by number
        self._batch = 0
        self._late: tuple[Change, ...] = ()

    @property
    def reader(self) -> SimStore:
        return self

    def opened(self) -> None:
        """Another start of the coordinator writes from now on, and counts its batches from 1."""
        self._batch, self._late = 0, ()

    def damage(self, rng: Random) -> None:
        """Some of the stored models are not whole any more."""
        stored = [
            name
            for rows in self.rows.values()
            if rows.work.state in _OPEN
            for role, name in rows.blobs.items()
            if "@" in role
        ]
        self.blobs.damaged.update(name for name in stored if rng.random() < 0.7)

    def write(self, number: int, changes: Sequence[Change]) -> tuple[Change, ...]:
        outage = next((each for each in self._outages if each.at <= self._clock.now < each.until), None)
        if outage is not None and not outage.is_unheard:
            raise StoreDown("disk full")
        if number == self._batch + 1:
            self._late = tuple(change for change in changes if not self._apply(change))
            self._batch = number
        elif number != self._batch:
            raise Flaw(f"batch {number} is written after batch {self._batch}")
        if outage is not None:
            raise StoreDown("the answer to a commit was lost")
        return self._late

    def last_event(self) -> int:
        return max(self.told, default=0)

    def open_work(self) -> Iterator[OpenWork]:
        for rows in self.rows.values():
            if rows.work.state in _OPEN:
                summaries = tuple(rows.surveys[shard].summary for shard in sorted(rows.surveys))
                yield OpenWork(
                    rows.work, rows.spec, dict(rows.blobs), summaries, tuple(each.row for each in rows.rounds)
                )

    def unnamed(self, names: Sequence[str]) -> set[str]:
        named = {blob for rows in self.rows.values() for blob in rows.blobs.values()}
        return set(names) - named

    def holds(self, task: TaskSpec) -> bool:
        """Whether what came of a task is committed."""
        rows = self.rows[task.work_id]
        number, shard = task.order
        return number <= len(rows.rounds) if number else shard in rows.surveys

    def left_out(self, work_id: str) -> dict[int, tuple[int, ...]]:
        """By round, the shards that were not in at its deadline."""
        rounds = self.rows[work_id].rounds if work_id in self.rows else []
        return {each.row.round: tuple(each.detail.get("left_out", ())) for each in rounds}

    def _apply(self, change: Change) -> bool:
        """Commit a change; return False if it came too late."""
        match change:
            case EventRow():
                if change.number in self.told:
                    raise Flaw(f"event {change.number} is written twice")
                self.told[change.number] = change
            case WorkSubmitted():
                return self._submit(change)
            case WorkStarted(work, at_ms):
                if self.rows[work].work.state is not WorkState.PENDING:
                    return False
                self._update(work, state=WorkState.RUNNING, started_ms=at_ms)
            case ShardSurveyed(work, shard):
                self.rows[work].surveys[shard] = change
            case RoundDone(work, row):
                if row.round != len(self.rows[work].rounds) + 1:
                    raise Flaw(f"round {row.round} of {work} is committed after {len(self.rows[work].rounds)} rounds")
                self.rows[work].rounds.append(change)
            case RoundsUndone(work, after):
                del self.rows[work].rounds[after:]
            case WorkProgressed():
                self._update(
                    change.work, round=change.round, tasks_done=change.tasks_done, detail=change.detail,
                    validation_error=change.validation_error,
                )  # fmt: skip
            case BlobNamed(work, role, blob):
                if blob and blob not in self.blobs.files:
                    raise Flaw(f"the {role} of {work} is named before its file is there")
                self.rows[work].blobs[role] = blob
                if not blob:
                    del self.rows[work].blobs[role]
            case WorkEnded(work, state, at_ms):
                if self.rows[work].work.state not in _OPEN:
                    return False
                self._update(work, state=state, ended_ms=at_ms, reason=change.reason, failure=change.failure)
        return True

    def _submit(self, change: WorkSubmitted) -> bool:
        if change.id in self.rows:
            return False
        work = StoredWork(
            len(self.rows) + 1, change.id, change.kind, change.name, change.owner, change.key, change.priority,
            change.select, WorkState.PENDING, "", FailureKind.NONE, 0, change.rounds, 0, change.tasks_total, None, {},
            change.at_ms, 0, 0, change.deadline_ms,
        )  # fmt: skip
        rows = self.rows[change.id] = Rows(work, change.spec, defaultdict(str, change.blobs))
        if change.parent:
            parent = self.rows[change.parent]
            rows.surveys, rows.rounds = dict(parent.surveys), parent.rounds[: change.parent_round]
        return True

    def _update(self, work_id: str, **values: object) -> None:
        rows = self.rows[work_id]
        rows.work = replace(rows.work, **values)  # type: ignore[arg-type]
