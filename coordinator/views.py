"""What clients are shown of work: rows made from the dispatcher's state, changing nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from coordinator.core.arrays import ScriptArray
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.model import TaskState, Work, WorkState
from coordinator.core.scripting import ScriptJob
from coordinator.core.training import TrainingRun
from rpc.messages import Activity, RunDetail, WorkDetail, WorkRow


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns times of the monotonic clock, which `read` tells, into milliseconds since 1970."""

    offset_s: float
    read: Callable[[], float] = time.monotonic

    def ms(self, when: float | None) -> int:
        return 0 if when is None else round(1000.0 * (when + self.offset_s))

    def monotonic(self, when_ms: int) -> float:
        """The other way round."""
        return when_ms / 1000.0 - self.offset_s

    def now_ms(self) -> int:
        return self.ms(self.read())


def shown_row(dispatcher: Dispatcher, work: Work, clock: Clock) -> WorkRow:
    """What clients are told: nothing that a restart could make untrue."""
    run = work.workload
    row = work_row(dispatcher, work, clock)
    if work.is_remembered:
        return row
    if isinstance(run, TrainingRun):
        known = run.figures[run.kept - 1].validation_error if run.kept else None
        row = replace(row, round=run.kept, validation_error=known)
    if not work.state.is_final:
        return row
    return replace(row, state=WorkState.RUNNING.value, reason="", failure=0, ended_ms=0, result="")


def work_row(dispatcher: Dispatcher, work: Work, clock: Clock) -> WorkRow:
    """A piece of work as it is, committed or not."""
    run = work.workload if isinstance(work.workload, TrainingRun) else None
    job = work.workload if isinstance(work.workload, ScriptJob) else None
    members = members_of(work)
    return WorkRow(
        id=work.id,
        kind=work.workload.kind,
        name=work.workload.name,
        state=work.state.value,
        reason=work.reason,
        failure=work.failure,
        round=run.rounds_done if run else 0,
        rounds=run.spec.rounds if run else 0,
        tasks_done=members.get("completed", work.tasks_done),
        tasks_total=work.workload.tasks_total,
        validation_error=run.validation_error if run else None,
        waiting_for=dispatcher.waiting_for(work),
        submitted_ms=clock.ms(work.submitted_at),
        started_ms=clock.ms(work.started_at),
        ended_ms=clock.ms(work.ended_at),
        owner=work.claim.owner,
        usage=job.usage if job else None,
        result=job.value if job else "",
        array_id=work.claim.array,
        array_index=work.claim.index,
        members=members,
    )


def of_owner(owner: str | None, works: Iterable[Work]) -> Iterator[Work]:
    """Those of one owner; None: all."""
    return (each for each in works if owner in (None, each.claim.owner))


def no_members(works: Iterable[Work]) -> Iterator[Work]:
    """Works as lists show them: an array is one line."""
    return (each for each in works if not each.claim.array)


def members_of(work: Work) -> Mapping[str, int]:
    """How many members of an array are in which state, as far as is committed; nothing for other work."""
    array = work.workload
    if not isinstance(array, ScriptArray):
        return {}
    counts = {state.value: array.ended.counts[state] for state in WorkState}
    begun = sum(member.state is not WorkState.PENDING for member in array.open.values())
    return counts | {"running": begun, "pending": array.tasks_total - sum(counts.values()) - begun}


def work_detail(
    dispatcher: Dispatcher, work: Work, clock: Clock, traffic: tuple[int, int], *, after: int = 0
) -> WorkDetail:
    """All that clients are told, which is what is committed; of the rounds those after this one."""
    run = work.workload
    assert isinstance(run, TrainingRun)
    shown = run.figures[max(0, after) : None if work.is_remembered else run.kept]
    detail = replace(run_detail(work, traffic), rounds=tuple(figures.row() for figures in shown))
    if not work.is_remembered:
        detail = replace(detail, model="", model_sha256="", model_bytes=0)
    return WorkDetail(shown_row(dispatcher, work, clock), detail)


def run_detail(work: Work, traffic: tuple[int, int]) -> RunDetail:
    """What is known of a run but for its rounds."""
    run = work.workload
    assert isinstance(run, TrainingRun)
    plan, sealed = run.plan, run.sealed
    return RunDetail(
        tasks_by_node=dict(work.done_by_node),
        rejections=work.rejections,
        retries=work.retries,
        bytes_sent=traffic[0],
        bytes_received=traffic[1],
        model=sealed.blob if sealed else "",
        model_sha256=sealed.sha256 if sealed else "",
        model_bytes=sealed.size_bytes if sealed else 0,
        layers=plan.settings.layers if plan else (),
        activation=run.spec.activation,
        dtype=run.spec.dtype,
        numeric_class=",".join(sorted(work.classes_used)),
        mixed=len(work.classes_used) > 1,
        offset=plan.offset if plan else b"",
        scale=plan.scale if plan else b"",
        parent=run.spec.parent,
        parent_round=run.spec.parent_round,
    )


def activities(work: Work) -> tuple[Activity, ...]:
    """Which node does what for this work now."""
    busy = [task for task in work.tasks.values() if task.state in (TaskState.PLACED, TaskState.FETCHING)]
    rows = [
        Activity(task.attempt.node_id, work.id, task.spec.kind, *task.spec.order, task.tries)
        for task in busy
        if task.attempt is not None
    ]
    return tuple(sorted(rows, key=lambda row: (row.node, row.shard)))
