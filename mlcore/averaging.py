"""From the sum of a round's weighted deltas to the next global model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mlcore.finite import all_finite
from mlcore.kernels.backend import FloatArray
from mlcore.server_rules import RULES, SERVER_OPTIMIZERS

CHUNK = 1 << 16  # elements: a chunk of each operand stays in the cache of a core


class ServerOptimizer:
    """Applies the mean delta of a round.

    Attributes:
        state: what is kept from round to round, shape (n_weights x vectors kept,), one vector after the other; None
            where nothing is. Each round makes a new one, and setting it goes on from there.
    """

    def __init__(self, kind: str, eta: float = 0.0) -> None:
        """Take the optimizer's name and its learning rate; 0 is the usual one of that optimizer."""
        if kind not in RULES:
            raise ValueError(f"server optimizer must be one of {', '.join(SERVER_OPTIMIZERS)}, not {kind!r}")
        self._rule = RULES[kind]
        self._eta = eta or self._rule.eta
        self.state: FloatArray | None = None

    def apply(
        self,
        model: FloatArray,
        total: FloatArray,
        divisor: int,
        *,
        each: Callable[[FloatArray], None] = lambda piece: None,
    ) -> FloatArray:
        """Return the next model, in the memory of `total`; `model` is not changed.

        Args:
            model: global weights of the round, shape (n_weights,).
            total: sum of delta x weight over the shards, shape (n_weights,); overwritten.
            divisor: sum of the weights.
            each: called with the pieces of the next model in order, while they are in the cache.

        Raises:
            FloatingPointError: the new model is not finite.
        """
        memory = self._next_memory(model)
        for part in chunks(total.size):
            step = total[part]
            step /= divisor
            self._rule.make_step(step, memory[:, part], self._eta)
            step += model[part]
            if not all_finite(step):
                raise FloatingPointError("the averaged model is not finite; a smaller eta helps")
            each(step)
        return total

    def _next_memory(self, model: FloatArray) -> FloatArray:
        """Make the coming state, as it was or as it starts; return it as (vectors, n_weights)."""
        start = self._rule.start
        if not start:
            return np.empty((0, model.size), model.dtype)
        # A new one: the last one may be on its way to a file.
        self.state = np.repeat(np.array(start, model.dtype), model.size) if self.state is None else self.state.copy()
        return self.state.reshape(len(start), model.size)


def chunks(size: int, length: int = CHUNK) -> Iterator[slice]:
    """Slices that cover 0..size in pieces of `length`; without one, of a cache's size."""
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))
