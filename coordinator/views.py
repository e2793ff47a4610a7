"""What clients are shown of work: rows made from the dispatcher's state, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.model import TaskState, Work
from coordinator.core.training import TrainingRun
from rpc.messages import Activity, RunDetail, WorkDetail, WorkRow


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns times of the monotonic clock into milliseconds since 1970."""

    offset_s: float

    def ms(self, when: float | None) -> int:
        return 0 if when is None else round(1000.0 * (when + self.offset_s))


def work_row(dispatcher: Dispatcher, work: Work, clock: Clock) -> WorkRow:
    run = work.workload
    assert isinstance(run, TrainingRun)
    return WorkRow(
        id=work.id,
        kind=run.kind,
        name=run.name,
        state=work.state.value,
        reason=work.reason,
        failure=work.failure,
        round=run.rounds_done,
        rounds=run.spec.rounds,
        tasks_done=work.tasks_done,
        tasks_total=run.tasks_total,
        validation_error=run.validation_error,
        waiting_for=dispatcher.waiting_for(work),
        submitted_ms=clock.ms(work.submitted_at),
        started_ms=clock.ms(work.started_at),
        ended_ms=clock.ms(work.ended_at),
    )


def work_detail(dispatcher: Dispatcher, work: Work, clock: Clock, traffic: tuple[int, int]) -> WorkDetail:
    run = work.workload
    assert isinstance(run, TrainingRun)
    plan, sealed = run.plan, run.sealed
    return WorkDetail(
        work_row(dispatcher, work, clock),
        RunDetail(
            rounds=tuple(figures.row() for figures in run.figures),
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
        ),
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
