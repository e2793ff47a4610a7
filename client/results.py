"""What a completed run gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rpc.errors import FailureKind, NotFound, ProtocolError, RunFailed
from rpc.messages import RoundRow, RunDetail, WorkDetail, WorkRow

COMPLETED = "completed"
MEMO = "memo"  # in place of a node: of tasks whose results were known before
FINAL_STATES = frozenset({COMPLETED, "failed", "cancelled"})


@dataclass(frozen=True)
class Result:
    """A completed run.

    Attributes:
        validation_error: share of the validation rows that the final model gets wrong, 0..1.
        model_sha256: of the flat vector's little-endian bytes.
        seconds: from the first task to the end.
        rounds: the history.
        tasks_by_node: done tasks of each node, surveys and training; `memo` for those that were known before.
        rejections: tasks that a node declined and that went elsewhere.
        retries: tasks that failed and were tried again.
        bytes_sent: by the coordinator to the nodes for this run; `bytes_received` from them.
        numeric_class: runs of equal class, seed, settings and data give equal bits.
        mixed: nodes of other numeric classes took part.
    """

    id: str
    validation_error: float
    model_sha256: str
    seconds: float
    rounds: tuple[RoundRow, ...]
    tasks_by_node: Mapping[str, int]
    rejections: int
    retries: int
    bytes_sent: int
    bytes_received: int
    numeric_class: str
    mixed: bool


def result_of(detail: WorkDetail) -> Result:
    """Return the result of work that has ended.

    Raises:
        RunFailed: it ended without a model; says why.
    """
    row, run = detail.row, run_of(detail)
    if row.state != COMPLETED:
        raise failure_of(row)
    if row.validation_error is None:
        raise ProtocolError(f"{row.id} is completed but has no validation error")
    return Result(
        id=row.id,
        validation_error=row.validation_error,
        model_sha256=run.model_sha256,
        seconds=seconds_of(row),
        rounds=run.rounds,
        tasks_by_node=dict(run.tasks_by_node),
        rejections=run.rejections,
        retries=run.retries,
        bytes_sent=run.bytes_sent,
        bytes_received=run.bytes_received,
        numeric_class=run.numeric_class,
        mixed=run.mixed,
    )


def run_of(detail: WorkDetail) -> RunDetail:
    """Return what is particular to a training run; work of another kind raises NotFound."""
    if detail.run is None:
        raise NotFound(f"{detail.row.id} is no training run but a {detail.row.kind}; see `client.py jobs -h`")
    return detail.run


def failure_of(row: WorkRow) -> RunFailed:
    """Return the error for a run that failed or was cancelled."""
    known = row.failure in set(FailureKind)
    failure = FailureKind(row.failure) if known else FailureKind.INTERNAL
    if row.state == "cancelled":
        return RunFailed(f"{row.id} was cancelled: {row.reason or 'no reason'}", FailureKind.CANCELLED)
    return RunFailed(row.reason or f"{row.id} failed ({failure.code})", failure)


def seconds_of(row: WorkRow) -> float:
    """Return how long the work has run, in seconds; 0 before it starts or while it runs."""
    if not row.started_ms or row.ended_ms < row.started_ms:
        return 0.0
    return (row.ended_ms - row.started_ms) / 1000
