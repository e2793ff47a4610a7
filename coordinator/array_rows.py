"""What of arrays is remembered, in the store's terms, and how they and their members are made from it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from coordinator.core.arrays import BAD_ENDS, BadEnd, Ended, ScriptArray, member_id
from coordinator.core.events import Submitted
from coordinator.core.model import Work
from coordinator.core.saved import Past
from coordinator.core.scripting import SCRIPT, ScriptJob
from coordinator.store.changes import WorkEnded, WorkProgressed, WorkSubmitted
from coordinator.store.reading import Reader
from coordinator.store.rows import OpenWork, StoredWork
from coordinator.views import Clock, members_of
from rpc.array_ranges import array_range
from rpc.codec import from_bytes, to_bytes
from rpc.messages import ScriptSpec

_MEMBERS = "members"  # of the detail of an array: how many ended in which state
_ID, _INDEX = "ROUNDHOUSE_ARRAY_ID", "ROUNDHOUSE_ARRAY_INDEX"
_FIRST, _LAST, _COUNT = "ROUNDHOUSE_ARRAY_FIRST", "ROUNDHOUSE_ARRAY_LAST", "ROUNDHOUSE_ARRAY_COUNT"


class Members:
    """Makes the members of an array: the same program, told by its environment which of them it is."""

    def __init__(self, array_id: str, spec: ScriptSpec) -> None:
        found = array_range(spec.array)
        self.indexes, self.at_once = found.indexes, found.at_once
        self._array_id = array_id
        self._spec = replace(spec, array="", key="", after=())
        whole = {_FIRST: str(self.indexes[0]), _LAST: str(self.indexes[-1]), _COUNT: str(len(self.indexes))}
        # Who repeats some of an array says what it was once a part of.
        self._env = {**whole, **spec.env, _ID: array_id}

    def spec(self, index: int) -> ScriptSpec:
        return replace(self._spec, env={**self._env, _INDEX: str(index)})

    def job(self, index: int, *, lease_s: float) -> ScriptJob:
        return ScriptJob(member_id(self._array_id, index), self.spec(index), lease_s=lease_s, array=self._array_id)


def array_from(array_id: str, spec: ScriptSpec, ended: Ended | None = None) -> ScriptArray:
    """An array whose open members are still to come."""
    found = array_range(spec.array)
    return ScriptArray(array_id, spec, size=len(found.indexes), at_once=found.at_once, ended=ended)


def submission(array: ScriptArray, at_ms: int) -> WorkSubmitted:
    """An array with all of its members, to become true at once or not at all."""
    spec = array.spec
    return WorkSubmitted(
        array.id,
        array.kind,
        array.name,
        to_bytes(spec),
        at_ms,
        owner=spec.owner,
        key=spec.key,
        priority=spec.priority,
        select=spec.select,
        tasks_total=array.tasks_total,
        blobs={"bundle": spec.bundle.blob, **{f"data/{file.file}": file.blob for file in spec.datasets}},
        after=tuple(each.work_id for each in array.claim.after),
        members={index: member_id(array.id, index) for index in array_range(spec.array).indexes},
        member_kind=SCRIPT,
    )


def ends(work: Work, clock: Clock) -> tuple[WorkProgressed, WorkEnded]:
    """An array is over."""
    counts = members_of(work)
    progress = WorkProgressed(work.id, 0, 0, counts["completed"], work.workload.tasks_total, None, {_MEMBERS: counts})
    return progress, WorkEnded(work.id, work.state, clock.ms(work.ended_at), work.reason, work.failure)


def open_array(found: OpenWork, clock: Clock, reader: Reader) -> Submitted:
    """An array to go on with; its open members come after it."""
    spec, work, counts = from_bytes(ScriptSpec, found.spec), found.work, reader.ended_members(found.work.id)
    first = {each.state: _bad_end(each.first) for each in counts if each.state in BAD_ENDS}
    ended = Ended(Counter({each.state: each.count for each in counts}), first)
    past = Past(started_at=clock.monotonic(work.started_ms) if work.started_ms else None)
    return Submitted(array_from(work.id, spec, ended), clock.monotonic(work.submitted_ms), past, found.ends)


def stored_members(work: StoredWork) -> Mapping[str, int]:
    """How many members of an array that is over have ended in which state."""
    counts: Mapping[str, int] = work.detail.get(_MEMBERS, {})
    return counts


def _bad_end(work: StoredWork) -> BadEnd:
    return BadEnd(work.array_index, work.id, work.failure, work.reason)
