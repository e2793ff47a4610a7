"""What a training run does first once its shards are known, and what it says when one of its tasks fails for good."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator.core.jobs import Init, KeepPlan
from coordinator.core.starting import memory_remarks
from coordinator.core.workload import End, Plan, Remark, Step, TaskSpec
from rpc.errors import FailureKind
from rpc.messages import RunSpec, ShardSummary


def first_steps(
    run_id: str, spec: RunSpec, plan: Plan, summaries: Sequence[ShardSummary], *, is_new: bool
) -> list[Step]:
    """Tell what the survey found, keep it if it `is_new`, and make the model that round 1 starts from."""
    layers, settings = "-".join(map(str, plan.settings.layers)), plan.settings
    rows = sum(summary.rows for summary in summaries)
    init = spec.init or ("uniform" if spec.optimizer == "gd" else "he")
    return [
        Remark("surveyed", f"{len(summaries)} shards, {rows} rows; layers {layers}"),
        *memory_remarks(spec, plan),
        *([KeepPlan(run_id)] if is_new else []),
        Init(run_id, settings.layers, init, settings.seed, settings.dtype),
    ]


def taken_up(spec: RunSpec, number: int) -> Remark:
    """Tell that the run goes on after a round that is stored: its own, or that of the run it branches from."""
    of = f" of {spec.parent}" if spec.parent and number == spec.parent_round else ""
    return Remark("resumed", f"goes on after round {number}{of}", number)


def end_of(spec: RunSpec, task: TaskSpec, kind: FailureKind, message: str) -> End:
    """The end of a run that cannot do without this task; a mistake of the user's tells its place itself."""
    if kind is FailureKind.USER_ERROR:
        return End(kind, message)
    file = spec.shards[task.order[1]].file
    place = f"survey of {file}" if task.kind == "survey" else f"round {task.order[0]}, shard {file}"
    if kind is FailureKind.DIVERGED:
        message = f"training diverged with eta {spec.eta:g} ({message})"
    return End(kind, f"{place}: {message}")
