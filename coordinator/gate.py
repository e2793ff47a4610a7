"""The gate that every delta passes before it may be added: what a node declares good is checked, not believed."""

from __future__ import annotations

import math

import numpy as np

from coordinator.core.workload import TrainPayload
from mlcore.averaging import CHUNK, chunks
from mlcore.finite import all_finite
from mlcore.kernels.backend import FloatArray
from rpc.arrays import bytes_of
from rpc.digests import RunningDigest
from rpc.errors import BadUpdate
from rpc.messages import Buffer, ShardSummary, TrainResult
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
    if not 0 <= result.epochs_run <= settings.epochs:
        raise BadUpdate(f"{result.epochs_run} epochs run where {settings.epochs} are due")
    if not math.isfinite(result.loss):
        raise BadUpdate(f"declared good with a loss of {result.loss}")


def weigh(delta: FloatArray, data: Buffer, result: TrainResult, payload: TrainPayload) -> None:
    """Bring a whole delta of the shape that `check_shape` has seen through the gate, into the memory `delta`.

    Raises:
        BadUpdate: as `Weighing.finish`.
    """
    weighing = Weighing(delta, result, payload)
    weighing.take(data)
    weighing.finish()


class Weighing:
    """A delta on its way through the gate, part by part: hashed, checked, multiplied by its weight.

    The passes follow one another over pieces that stay in the cache.
    """

    def __init__(self, delta: FloatArray, result: TrainResult, payload: TrainPayload) -> None:
        """Begin a delta of the shape that `check_shape` has seen; `delta` is the memory that takes it."""
        self._delta = delta
        self._digest = result.delta.digest
        self._weight = payload.weight
        self._limit = payload.plan.max_delta_norm
        self._running = RunningDigest()
        self._is_finite = True
        self._squares = 0.0
        self._have = 0  # numbers

    def take(self, part: Buffer) -> None:
        """Take the next bytes, a whole number of numbers; they are judged at the end."""
        source = np.frombuffer(part, self._delta.dtype)
        target = self._delta[self._have : self._have + len(source)]
        if len(source) <= CHUNK:
            self._weigh(source, target)
        else:
            for chunk in chunks(len(source)):
                self._weigh(source[chunk], target[chunk])
        self._have += len(source)

    def finish(self) -> None:
        """Judge the whole.

        Raises:
            BadUpdate: the bytes differ from those sent, a number is not finite, or the norm is above the limit of the
                run.
        """
        if self._running.value != self._digest:
            raise BadUpdate("the delta arrived damaged: its XXH3 differs")
        if not self._is_finite:
            raise BadUpdate("a delta declared good holds NaN or infinity")
        if self._limit and math.sqrt(self._squares) > self._limit:
            norm = math.sqrt(self._squares)
            raise BadUpdate(f"the norm of the delta is {norm:.4g}, above --max-delta-norm {self._limit:g}")

    def _weigh(self, source: FloatArray, target: FloatArray) -> None:
        self._running.update(bytes_of(source))
        if not all_finite(source):
            self._is_finite = False
            return
        if self._limit:
            self._squares += float(np.square(source, dtype=np.float64).sum())
        np.multiply(source, source.dtype.type(self._weight), out=target)
