"""The gate that every delta passes before it may be added: what a node declares good is checked, not believed."""

from __future__ import annotations

import math

import numpy as np

from coordinator.core.workload import TrainPayload
from mlcore.averaging import chunks
from mlcore.kernels.backend import FloatArray
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.errors import BadUpdate
from rpc.messages import ShardSummary, TrainResult
from rpc.run_spec import MAX_CLASSES

MAX_COLUMNS = 1_000_000


def check_survey(summary: ShardSummary, rows: int) -> None:
    """Check what a node says of a shard; `rows` is counted here, the weights of the average depend on it.

    Raises:
        BadUpdate: it cannot be true; says what.
    """
    if summary.rows != rows:
        raise BadUpdate(f"{summary.rows} rows surveyed where the shard has {rows}")
    if not 1 <= summary.columns <= MAX_COLUMNS or not 0 <= summary.max_label < MAX_CLASSES:
        raise BadUpdate(f"a survey of {summary.columns} features with labels up to {summary.max_label}")
    if len(summary.label_counts) != 8 * (summary.max_label + 1):
        raise BadUpdate(f"a survey with {len(summary.label_counts)} bytes of label counts")
    if int(np.frombuffer(summary.label_counts, "<i8").sum()) != rows:
        raise BadUpdate("a survey whose label counts do not add up to its rows")
    for moments in (summary.mean, summary.m2):
        if len(moments) != 8 * summary.columns or not np.isfinite(np.frombuffer(moments, "<f8")).all():
            raise BadUpdate(f"a survey whose moments are not {summary.columns} finite numbers")


def count_rows(text: bytes) -> int:
    """Rows of a shard's text, without reading the numbers; a blank end counts nothing."""
    end = len(text.rstrip())
    return text.count(b"\n", 0, end) + 1 if end else 0


def check_shape(result: TrainResult, payload: TrainPayload) -> None:
    """Check all that can be checked without the bytes.

    Raises:
        BadUpdate: says what is wrong.
    """
    wanted, settings = payload.plan.n_weights, payload.plan.settings
    delta = result.delta
    if delta.dtype != settings.dtype or delta.length != wanted:
        raise BadUpdate(f"a delta of {delta.length} {delta.dtype} where {wanted} {settings.dtype} are due")
    if delta.data is not None and len(delta.data) != wanted * np.dtype(settings.dtype).itemsize:
        raise BadUpdate(f"a delta of {len(delta.data)} bytes that declares {wanted} {settings.dtype}")
    if result.rows != payload.rows:
        raise BadUpdate(f"trained on {result.rows} rows where the shard has {payload.rows}")
    if not math.isfinite(result.loss):
        raise BadUpdate(f"declared good with a loss of {result.loss}")


def weigh(delta: FloatArray, result: TrainResult, payload: TrainPayload) -> None:
    """Check the numbers of a delta and multiply it by its weight, in place.

    Raises:
        BadUpdate: the bytes differ from those sent, a number is not finite, or the norm is above the limit of the run.
    """
    if digest(bytes_of(delta)) != result.delta.digest:
        raise BadUpdate("the delta arrived damaged: its XXH3 differs")
    limit = payload.plan.max_delta_norm
    squares = 0.0
    for part in chunks(delta.size):
        piece = delta[part]
        # Finite, its square sum proves all numbers finite in one pass; it may also overflow, which proves nothing.
        if not math.isfinite(np.dot(piece, piece)) and not np.isfinite(piece).all():
            raise BadUpdate("a delta declared good holds NaN or infinity")
        if limit:
            squares += float(np.square(piece, dtype=np.float64).sum())
        if payload.weight != 1:
            piece *= piece.dtype.type(payload.weight)
    if limit and math.sqrt(squares) > limit:
        raise BadUpdate(f"the norm of the delta is {math.sqrt(squares):.4g}, above --max-delta-norm {limit:g}")
