"""Tasks whose answers are known: they are worked out here in plain float64, from the textbook."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcore.mlp import n_weights
from mlcore.settings import TrainSettings
from rpc.arrays import bytes_of
from rpc.blobs import blob_name
from rpc.digests import digest
from rpc.messages import PART_BYTES, SurveyTask, TrainResult, TrainTask, Vector
from tests.mlcore.oracle import Oracle

DATA = b"1,2,0\n3,4,1\n5,6,2\n1.5,0.25,1\n"
BAD_DATA = b"1,2,0\n3,four,1\n"
BLOB = blob_name(DATA)
FEATURES = np.array([[1, 2], [3, 4], [5, 6], [1.5, 0.25]])
LABELS = np.array([0, 1, 2, 1])
_CLOSE_ENOUGH = 1e-9  # of float64 results: any order of addition
SMALL = TrainSettings((2, 3, 3), epochs=5, eta=0.01, dtype="float64", tolerance=0.0)
# A model of more than two parts.
LARGE = TrainSettings((2, PART_BYTES // 24, 3), epochs=1, eta=1e-4, dtype="float64", tolerance=0.0)
ENDLESS = TrainSettings((2, 64, 3), epochs=100_000_000, eta=1e-9, dtype="float64", tolerance=0.0)


@dataclass(frozen=True)
class Known:
    """A training task with the model that it starts from, and what must come of it."""

    task: TrainTask
    model: NDArray[np.float64]
    delta: NDArray[np.float64]
    loss: float

    def check(self, result: TrainResult) -> None:
        """The result must be the answer to the task, within the rounding of any order of addition."""
        task, delta = self.task, result.delta
        assert (result.attempt, result.fence) == (task.attempt, task.fence), f"it answers for {result.attempt}"
        assert result.rows == len(LABELS), f"it says to have {result.rows} rows"
        assert (delta.dtype, delta.length) == ("float64", self.delta.size), f"{delta.length} {delta.dtype} weights come"
        data = bytes(delta.data or b"")
        assert len(data) == 8 * delta.length, f"{len(data)} bytes come for {delta.length} weights"
        assert digest(data) == delta.digest, "the digest of the delta is not that of its bytes"
        off = float(np.abs(np.frombuffer(data, "<f8") - self.delta).max())
        assert off <= _CLOSE_ENOUGH, f"a weight is off by {off:g}"
        assert abs(result.loss - self.loss) <= _CLOSE_ENOUGH * self.loss, f"the loss is {result.loss}"


def known(settings: TrainSettings, run: str, *, shard: int = 0, inline: bool = True) -> Known:
    """A task of the run's first round; without `inline` its model goes in parts before it."""
    model = np.random.default_rng(7).normal(0.0, 0.1, n_weights(settings.layers))
    delta, loss = np.zeros(0), 0.0
    if settings is not ENDLESS:
        delta, loss, _ = Oracle(settings).train_shard(model, FEATURES, LABELS, round_number=1, shard=shard)
    name = f"model:{run}/0"
    vector = Vector("float64", model.size, digest(bytes_of(model)), name, model.tobytes() if inline else None)
    task = TrainTask(
        attempt=f"{run}/1/{shard}#1", fence=1, run=run, round=1, shard=shard, blob=BLOB, file="train_known1.txt",
        threads=1, model=vector, settings=settings,
    )  # fmt: skip
    return Known(task, model, delta, loss)


def survey(data: bytes = DATA) -> SurveyTask:
    return SurveyTask("known/0/0#1", 1, "known", 0, blob_name(data), "train_known1.txt")
