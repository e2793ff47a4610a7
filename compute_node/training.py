"""Survey and training of one shard: messages in, messages out, the mathematics in mlcore."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

import numpy as np

from compute_node.models import Model
from compute_node.shards import Prepared, ShardCache
from mlcore.kernels import Backend, set_threads
from mlcore.kernels.backend import FloatArray
from mlcore.shards import DataError, check_labels, survey
from mlcore.training import ShardResult, train_shard
from rpc.arrays import bytes_of
from rpc.convert import BULK_BYTES
from rpc.digests import digest
from rpc.errors import BadData, BadRequest, BadUpdate, Diverged, OutOfMemory
from rpc.messages import Buffer, ShardSummary, SurveyTask, TrainResult, TrainTask, Vector


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

    def __init__(self, shards: ShardCache, trainer: Trainer) -> None:
        self._shards = shards
        self._trainer = trainer

    def survey(self, task: SurveyTask) -> ShardSummary:
        """Read a shard and describe it.

        Raises:
            BadData: a row cannot be used, or a label is not below the number of classes; says file:line.
        """
        shard = self._shards.parsed(task.blob, task.file)
        try:
            check_labels(shard, task.classes, name=task.file)
        except DataError as error:
            raise BadData(str(error)) from error
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

    def train(self, task: TrainTask, model: Model | None, check: Callable[[], None]) -> TrainResult:
        """Train the model on the shard.

        Args:
            model: what the task names, if the model does not ride in it.
            check: called now and then; ends the task by what it raises.

        Raises:
            Diverged: a weight left the finite range.
            BadUpdate: the model arrived damaged.
            MissingBlob: the shard is not here.
            OutOfMemory: the task does not fit this node.
            BadRequest: a setting makes no sense.
        """
        _check(task)
        started = perf_counter()
        try:
            weights = _weights(task.model, model)
            data = self._shards.prepared(task.blob, task.file, task.settings.dtype, (task.offset, task.scale))
            set_threads(task.threads)
            result = self._trainer(task, weights, data, check)
        except FloatingPointError as error:
            raise Diverged(str(error)) from error
        except MemoryError as error:
            raise OutOfMemory(f"{task.file}: not enough memory for a model of {task.model.length:,} weights") from error
        delta = bytes_of(np.ascontiguousarray(result.delta))
        return TrainResult(
            attempt=task.attempt,
            fence=task.fence,
            rows=len(data[1]),
            delta=Vector(result.delta.dtype.name, result.delta.size, digest(delta), data=_as_sent(delta)),
            loss=result.loss,
            epochs_run=result.epochs_run,
            compute_s=perf_counter() - started,
        )


def _as_sent(delta: memoryview) -> Buffer:
    """A small delta as the bytes that the codec takes; made here, they need not be made on the loop."""
    return delta if delta.nbytes > BULK_BYTES else bytes(delta)


def _check(task: TrainTask) -> None:
    try:
        task.settings.check()
    except ValueError as error:
        raise BadRequest(f"{task.attempt}: {error}") from error
    if task.model.dtype != task.settings.dtype:
        raise BadRequest(f"{task.attempt}: a model of {task.model.dtype!r} to be trained in {task.settings.dtype}")


def _weights(vector: Vector, model: Model | None) -> FloatArray:
    dtype = np.dtype(vector.dtype).newbyteorder("<")
    if model is not None:
        return model.checked(vector).view(dtype)
    assert vector.data is not None
    # A copy: what came over the wire is neither aligned nor ours for long. The copy is what is checked: whoever asked
    # may have been told to ask no more while this waited for its thread, and its connection receive over these bytes.
    data = np.frombuffer(vector.data, np.uint8).copy()
    if digest(data.data) != vector.digest:
        raise BadUpdate("the model arrived damaged: its XXH3 differs; send it again")
    return data.view(dtype)
