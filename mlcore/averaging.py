"""From the sum of a round's weighted deltas to the next global model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlcore.finite import all_finite
from mlcore.kernels.backend import FloatArray

# Outer Nesterov momentum as in DiLoCo (Douillard et al. 2023, section 3.1): the values that worked best there.
NESTEROV_ETA = 0.7
NESTEROV_MOMENTUM = 0.9

_CHUNK = 1 << 16  # elements: a chunk of each operand stays in the cache of a core


class ServerOptimizer:
    """Applies the mean delta of a round; `nesterov` keeps a velocity of the model's size from round to round."""

    def __init__(self, kind: str) -> None:
        if kind not in ("fedavg", "nesterov"):
            raise ValueError(f"server optimizer must be fedavg or nesterov, not {kind!r}")
        self._kind = kind
        self._velocity: FloatArray | None = None

    def apply(self, model: FloatArray, total: FloatArray, divisor: int) -> FloatArray:
        """Return the next model, in the memory of `total`; `model` is not changed.

        Args:
            model: global weights of the round, shape (n_weights,).
            total: sum of delta x weight over the shards, shape (n_weights,); overwritten.
            divisor: sum of the weights.

        Raises:
            FloatingPointError: the new model is not finite.
        """
        if self._kind == "nesterov" and self._velocity is None:
            self._velocity = np.zeros_like(model)
        for part in chunks(total.size):
            mean = total[part]
            mean /= mean.dtype.type(divisor)
            if self._velocity is not None:
                velocity = self._velocity[part]
                velocity *= mean.dtype.type(NESTEROV_MOMENTUM)
                velocity += mean
                mean += mean.dtype.type(NESTEROV_MOMENTUM) * velocity
                mean *= mean.dtype.type(NESTEROV_ETA)
            mean += model[part]
            if not all_finite(mean):
                raise FloatingPointError("the averaged model is not finite; a smaller eta helps")
        return total


def chunks(size: int) -> Iterator[slice]:
    """Slices that cover 0..size in pieces of a cache's size."""
    for start in range(0, size, _CHUNK):
        yield slice(start, min(start + _CHUNK, size))
