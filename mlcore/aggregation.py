"""From the deltas of a round to one vector: their sum, or what a few bad ones among them cannot move far.

Coordinate-wise median and trimmed mean as in Yin et al. (2018), "Byzantine-Robust Distributed Learning", section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcore.averaging import chunks
from mlcore.finite import all_finite
from mlcore.kernels.backend import FloatArray
from mlcore.reduction import tree_sum

AGGREGATIONS = ("mean", "median", "trimmed")

_SORTED_AT_ONCE = 1 << 18  # numbers


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How the deltas of a round become one.

    Attributes:
        kind: `mean`, which weighs the shards, `median` or `trimmed`, to which all shards are equal.
        trim: for `trimmed`, how many of the largest and of the smallest values of each weight are left out.
    """

    kind: str = "mean"
    trim: int = 1

    @property
    def is_robust(self) -> bool:
        """Whether it needs all deltas at once."""
        return self.kind != "mean"

    def check(self, n_shards: int) -> None:
        """Raise ValueError, naming the field and what it may be, if a value makes no sense for so many shards."""
        if self.kind not in AGGREGATIONS:
            raise ValueError(f"aggregation must be one of {', '.join(AGGREGATIONS)}, not {self.kind!r}")
        if self.trim < 0:
            raise ValueError(f"trim must be 0 or more, not {self.trim}")
        if self.kind == "trimmed" and 2 * self.trim >= n_shards:
            raise ValueError(f"trim must be below half the shards of a round, {n_shards}, not {self.trim}")

    def combine(self, deltas: Sequence[FloatArray]) -> FloatArray:
        """Return the sum of the deltas or their robust mean, in the memory of the first; all may be overwritten.

        Args:
            deltas: in the order of the shards, shape (n_weights,) each. The order changes the bits of a sum, and
                none of a robust mean.

        Raises:
            FloatingPointError: a robust mean of deltas of which one is not finite.
        """
        if not self.is_robust:
            return tree_sum(deltas)
        n_deltas, result = len(deltas), deltas[0]
        n_left_out = (n_deltas - 1) // 2 if self.kind == "median" else self.trim
        for part in chunks(result.size, max(1, _SORTED_AT_ONCE // n_deltas)):
            rows = np.stack([delta[part] for delta in deltas])
            _mean_of_middle(rows, n_left_out, result[part])
        return result


MEAN = Aggregation()


def _mean_of_middle(rows: FloatArray, n_left_out: int, out: FloatArray) -> None:
    """Write the mean of each column of `rows` without its `n_left_out` smallest and largest values; sorts them."""
    if not all_finite(rows.reshape(-1)):  # NaN would count as the largest number
        raise FloatingPointError("a delta of the round is not finite")
    rows.sort(axis=0)
    kept = rows[n_left_out : len(rows) - n_left_out]
    np.add.reduce(kept, axis=0, out=out)
    out /= len(kept)
    out += 0.0  # 0 and -0 sort as they come: both end as 0
