"""Survey and training of one shard: messages in, messages out, the mathematics in mlcore."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

import numpy as np

from compute_node.executor import BlasThreads
from compute_node.shards import Prepared, ShardCache
from compute_node.vectors import RoundVectors
from mlcore.kernels import Backend
from mlcore.kernels.backend import FloatArray
from mlcore.shards import survey
from mlcore.training import ShardResult, train_shard
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.errors import BadData, BadUpdate, Cancelled, Diverged, OutOfMemory
from rpc.messages import PART_BYTES, ShardSummary, SurveyTask, TrainResult, TrainTask, Vector


class Trainer(Protocol):
    """Computes the delta of one task; the shipped one is `train_with`."""

    def __call__(
        self, task: TrainTask, model: FloatArray, data: Prepared, before_step: Callable[[], None]
    ) -> ShardResult:
        """Return the delta; `before_step` is called now and then and ends the task by what it raises."""


def train_with(backend: Callable[[], Backend]) -> Trainer:
    """The trainer that computes through a backend, asked for when the first task comes."""

    def train(task: TrainTask, model: FloatArray, data: Prepared, before_step: Callable[[], None]) -> ShardResult:
        return train_shard(
            model,
            *data,
            task.settings,
            round_number=task.round,
            shard=task.shard,
            backend=backend(),
            before_step=before_step,
        )

    return train


class ShardWorker:
    """What a slot's thread does. Safe to use from several threads."""

    def __init__(self, shards: ShardCache, vectors: RoundVectors, trainer: Trainer) -> None:
        self._shards = shards
        self._vectors = vectors
        self._trainer = trainer
        self._blas = BlasThreads()
        self._cancelled: set[str] = set()

    def cancel(self, attempt: str) -> None:
        """Let a running attempt end at its next step."""
        self._cancelled.add(attempt)

    def survey(self, task: SurveyTask) -> ShardSummary:
        """Read a shard and describe it.

        Raises:
            BadData: a row cannot be used, or a label is not below the number of classes; says file:line.
        """
        shard = self._shards.parsed(task.blob, task.file)
        if task.classes and shard.y.max() >= task.classes:
            line = int(np.argmax(shard.y >= task.classes)) + 1
            found = int(shard.y[line - 1])
            raise BadData(f"{task.file}:{line}: label {found} is not below k = {task.classes}; give a larger --k")
        stats = survey(shard)
        return ShardSummary(
            attempt=task.attempt,
            fence=task.fence,
            rows=stats.rows,
            columns=stats.columns,
            max_label=stats.max_label,
            mean=stats.mean.astype("<f8").tobytes(),
            m2=stats.m2.astype("<f8").tobytes(),
            label_counts=stats.label_counts.astype("<i8").tobytes(),
        )

    def train(self, task: TrainTask) -> TrainResult:
        """Train the model on the shard; a delta above one part stays here and is named.

        Raises:
            Diverged: a weight left the finite range.
            BadUpdate: the model arrived damaged.
            MissingBlob: model or shard is not here.
            OutOfMemory: the task does not fit this node.
        """
        started = perf_counter()
        try:
            model = self._model(task.model)
            data = self._shards.prepared(task.blob, task.file, task.settings.dtype, (task.offset, task.scale))
            with self._blas.limited_to(task.threads):
                result = self._trainer(task, model, data, lambda: self._check_cancelled(task.attempt))
        except FloatingPointError as error:
            raise Diverged(str(error)) from error
        except MemoryError as error:
            raise OutOfMemory(f"{task.file}: not enough memory for a model of {task.model.length:,} weights") from error
        finally:
            self._cancelled.discard(task.attempt)
        return TrainResult(
            attempt=task.attempt,
            fence=task.fence,
            rows=len(data[1]),
            delta=self._delta(task, result.delta),
            loss=result.loss,
            epochs_run=result.epochs_run,
            compute_s=perf_counter() - started,
        )

    def _check_cancelled(self, attempt: str) -> None:
        if attempt in self._cancelled:
            raise Cancelled(f"attempt {attempt} was cancelled")

    def _model(self, vector: Vector) -> FloatArray:
        dtype = np.dtype(vector.dtype).newbyteorder("<")
        if vector.data is None:
            return self._vectors.model(vector).view(dtype)
        if digest(vector.data) != vector.digest:
            raise BadUpdate("the model arrived damaged: its XXH3 differs; send it again")
        # A copy: what came over the wire is neither aligned nor ours for long.
        return np.frombuffer(vector.data, dtype).copy()

    def _delta(self, task: TrainTask, delta: FloatArray) -> Vector:
        data = bytes_of(np.ascontiguousarray(delta))
        vector = Vector(delta.dtype.name, delta.size, digest(data), data=data)
        if data.nbytes <= PART_BYTES:
            return vector
        name = self._vectors.keep(task.attempt, data)
        return Vector(vector.dtype, vector.length, vector.digest, name)
