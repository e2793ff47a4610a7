"""The additions that a round needs next, as its updates come in, or will not come any more."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator.core.jobs import Add, Apply, Job
from coordinator.core.rounds import Round
from coordinator.core.workload import Remark, Step, Withdraw
from mlcore.reduction import Addition
from rpc.messages import DataFile


def next_sum(run_id: str, current: Round, addition: Addition | None) -> list[Job]:
    """Return this addition as a job; if there is none and all is added, the average."""
    if addition is not None:
        return [Add(run_id, current.number, addition.left, addition.right, addition.slot)]
    summands = current.summands
    if not summands:
        return []
    return [Apply(run_id, current.number, summands, current.divisor, current.aggregation)]


def go_without(run_id: str, current: Round, late: tuple[int, ...], shards: Sequence[DataFile]) -> list[Step]:
    """Leave out the shards that are not in at the deadline of the round."""
    current.figures.left_out = late
    files = ", ".join(shards[shard].file for shard in late)
    steps: list[Step] = [Remark("left out", f"not in at the round's deadline: {files}", current.number)]
    for shard in late:
        withdrawn = Withdraw(f"{run_id}/{current.number}/{shard}")
        steps += [withdrawn, *next_sum(run_id, current, current.leave_out(shard))]
    return steps
