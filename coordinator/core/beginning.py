"""What a training run does first once its shards are known."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator.core.jobs import Init, KeepPlan
from coordinator.core.starting import memory_remarks
from coordinator.core.workload import Plan, Remark, Step
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
