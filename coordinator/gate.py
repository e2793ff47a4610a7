"""The gate that every delta passes before it may be added: what a node declares good is checked, not believed."""

from __future__ import annotations

import math

import numpy as np

from coordinator.core.workload import TrainPayload
from mlcore.averaging import chunks
from mlcore.kernels.backend import FloatArray
from mlcore.mlp import n_weights
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.errors import BadUpdate
from rpc.messages import TrainResult


def check_shape(result: TrainResult, payload: TrainPayload) -> None:
    """Check all that can be checked without the bytes.

    Raises:
        BadUpdate: says what is wrong.
    """
    wanted, settings = n_weights(payload.plan.settings.layers), payload.plan.settings
    delta = result.delta
    if delta.dtype != settings.dtype or delta.length != wanted:
        raise BadUpdate(f"a delta of {delta.length} {delta.dtype} where {wanted} {settings.dtype} are due")
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
        if not np.isfinite(piece).all():
            raise BadUpdate("a delta declared good holds NaN or infinity")
        if limit:
            squares += float(np.square(piece, dtype=np.float64).sum())
        if payload.weight != 1:
            piece *= piece.dtype.type(payload.weight)
    if limit and math.sqrt(squares) > limit:
        raise BadUpdate(f"the norm of the delta is {math.sqrt(squares):.4g}, above --max-delta-norm {limit:g}")
