"""The four training tasks of the comparison: model, data and settings, the same for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcore.mlp import init_weights
from mlcore.settings import TrainSettings
from mlcore.shards import find_shards, parse_rows

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_LETTERS = Path(__file__).resolve().parents[2] / "letters"
_SEED = 1


@dataclass(frozen=True)
class Work:
    """One training task.

    Attributes:
        settings: model, optimizer and passes; one round.
        init: how the weights start.
        data: `shard` is the first of the letters' files as it is; `letters` all of them, standardized; else random.
        rows: how many of them; whole batches only, so that nobody has to compile for two shapes.
        repeats: runs per turn, so that a turn takes about 50 ms or more.
        tolerance: distance of a float32 result from float64's, relative to the way trained.
    """

    settings: TrainSettings
    init: str
    data: str
    rows: int
    repeats: int
    tolerance: float

    @cached_property
    def model(self) -> Floats:
        """The weights at the start, flat, as mlcore.mlp lays them out."""
        return init_weights(self.settings.layers, init=self.init, seed=_SEED, dtype="float32")

    @cached_property
    def rows_and_classes(self) -> tuple[Floats, Ints]:
        """Inputs (rows, inputs) and the class of each row."""
        if self.data == "random":
            rng = np.random.default_rng(_SEED)
            x = rng.standard_normal((self.rows, self.settings.layers[0]), dtype=np.float32)
            return x, rng.integers(self.settings.layers[-1], size=self.rows)
        x, y = letters(1 if self.data == "shard" else None)
        if self.data == "letters":
            x = (x - x.mean(axis=0)) / x.std(axis=0)
        return np.ascontiguousarray(x[: self.rows]), y[: self.rows]

    @property
    def batch(self) -> int:
        """Rows of a step."""
        return self.settings.rows_per_batch(self.rows)

    def orders(self) -> list[Ints]:
        """The order of the rows in each epoch; everybody draws them within the time that counts."""
        if self.batch == self.rows:
            return [np.arange(self.rows)] * self.settings.epochs
        rng = np.random.default_rng([self.settings.seed, 1, 0])
        return [rng.permutation(self.rows) for _ in range(self.settings.epochs)]

    @property
    def gemm_flops(self) -> float:
        """Operations of the matrix products of a run; the bias counts as an input."""
        layers = self.settings.layers
        forward = sum(2 * (below + 1) * above for below, above in pairwise(layers))
        back = sum(2 * below * above for below, above in pairwise(layers[1:]))
        return float((2 * forward + back) * self.rows * self.settings.epochs)

    @property
    def exponentials(self) -> float:
        """Exponentials of a run: one a row and class."""
        return float(self.settings.layers[-1] * self.rows * self.settings.epochs)


def letters(files: int | None) -> tuple[Floats, Ints]:
    """The rows of the first `files` training files, of all when None."""
    shards = [parse_rows(path.read_bytes(), name=path.name) for path in find_shards(_LETTERS).train[:files]]
    return np.concatenate([shard.x for shard in shards]).astype(np.float32), np.concatenate([s.y for s in shards])


WORKS = {
    "A": Work(
        TrainSettings((16, 24, 26), optimizer="gd", epochs=75, eta=0.0001, tolerance=0.0),
        init="uniform", data="shard", rows=1600, repeats=8, tolerance=0.02,
    ),
    "B": Work(
        TrainSettings((16, 256, 26), optimizer="sgd", eta=0.05, batch_size=128),
        init="he", data="letters", rows=16_000, repeats=6, tolerance=0.02,
    ),
    "C": Work(
        TrainSettings((784, 2048, 1000), optimizer="sgd", eta=0.01, batch_size=512),
        init="he", data="random", rows=8_192, repeats=1, tolerance=0.02,
    ),
    "D": Work(
        TrainSettings((16, 512, 512, 26), optimizer="adam", eta=0.001, batch_size=256),
        init="he", data="letters", rows=15_872, repeats=1, tolerance=0.05,
    ),
}  # fmt: skip
