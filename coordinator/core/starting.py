"""How a round of a training run starts: which shards take part, what their tasks are, how their deltas are added."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator.core.deadlines import RoundDeadline
from coordinator.core.participation import participants
from coordinator.core.rounds import Round
from coordinator.core.workload import Plan, TrainPayload
from rpc.messages import RunSpec

AT_ONCE_WEIGHTS = 4 << 20  # deltas of a round that are not longer in all are kept and added when all are there


def start_round(
    number: int, spec: RunSpec, plan: Plan, rows: Sequence[int], *, now: float
) -> tuple[Round, list[TrainPayload]]:
    """Return round `number` and what its tasks do, in the order of shards; `rows` are those of all shards."""
    n_shards = len(rows)
    weights = rows if spec.weighting == "rows" else [1] * n_shards
    chosen = participants(n_shards, spec.fraction, spec.seed, number)
    deadline = RoundDeadline(spec, len(chosen), now) if spec.round_deadline_s else None
    # Only what is added as it comes can do without some of it.
    at_once = n_shards * plan.n_weights <= AT_ONCE_WEIGHTS and len(chosen) == n_shards and deadline is None
    current = Round(number, weights, now, chosen=chosen, deadline=deadline, at_once=at_once)
    return current, [TrainPayload(number, shard, rows[shard], weights[shard], plan) for shard in chosen]
