"""How a round of a training run starts: which shards take part, what their tasks are, how their deltas are added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coordinator.core.deadlines import RoundDeadline
from coordinator.core.rounds import Round
from coordinator.core.workload import Payload, Plan, Remark, TaskSpec, TrainPayload
from mlcore.aggregation import Aggregation
from mlcore.participation import participants
from rpc.messages import RunSpec

AT_ONCE_WEIGHTS = 4 << 20  # deltas of a round that are not longer in all are kept and added when all are there


def start_round(
    number: int, spec: RunSpec, plan: Plan, rows: Sequence[int], *, now: float
) -> tuple[Round, list[TrainPayload]]:
    """Return round `number` and what its tasks do, in the order of shards; `rows` are those of all shards."""
    n_shards = len(rows)
    aggregation = Aggregation(spec.aggregation, spec.trim)
    weights = rows if spec.weighting == "rows" and not aggregation.is_robust else [1] * n_shards
    chosen = participants(n_shards, spec.fraction, spec.seed, number)
    deadline = RoundDeadline(spec, len(chosen), now) if spec.round_deadline_s else None
    # Only what is added as it comes can do without some of it.
    is_small = n_shards * plan.n_weights <= AT_ONCE_WEIGHTS and len(chosen) == n_shards and deadline is None
    at_once = is_small or aggregation.is_robust
    current = Round(number, weights, now, chosen=chosen, deadline=deadline, aggregation=aggregation, at_once=at_once)
    return current, [TrainPayload(number, shard, rows[shard], weights[shard], plan) for shard in chosen]


def memory_remarks(spec: RunSpec, plan: Plan) -> list[Remark]:
    """What whoever watches should know of the coordinator's memory."""
    if not Aggregation(spec.aggregation).is_robust:
        return []
    megabytes = plan.n_weights * np.dtype(plan.settings.dtype).itemsize / 1e6
    text = f"{spec.aggregation} keeps all deltas of a round at the coordinator"
    return [Remark("aggregation", f"{text}: {len(spec.shards)} of {megabytes:.3g} MB")]


def task_of(run_id: str, kind: str, order: tuple[int, int], payload: Payload, data: str) -> TaskSpec:
    """The task of a round and shard, which reads the blob `data`."""
    class_key = payload.plan.class_key if isinstance(payload, TrainPayload) else ""
    return TaskSpec(f"{run_id}/{order[0]}/{order[1]}", run_id, kind, order, payload, data, class_key)
