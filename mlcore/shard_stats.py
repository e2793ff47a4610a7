"""What a survey says of a shard, and how shards' statistics merge: Welford's moments, Chan's update."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcore.kernels.backend import Array
from mlcore.rows import Shard


@dataclass(frozen=True, slots=True)
class ShardStats:
    """Counts and moments of some rows.

    Attributes:
        rows: how many.
        columns: features per row, without the label.
        max_label: the largest label.
        mean: of each feature, float64 (columns,).
        m2: sum of squared differences from the mean, float64 (columns,).
        label_counts: rows of each label, int64 (max_label + 1,).
    """

    rows: int
    columns: int
    max_label: int
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    label_counts: NDArray[np.int64]


def survey(shard: Shard) -> ShardStats:
    """Return the statistics of one shard; they are the same whatever dtype its features have."""
    moments = [_moments(shard.x[:, column]) for column in range(shard.x.shape[1])]
    mean, m2 = np.array(moments).T.copy()
    counts = np.bincount(shard.y).astype(np.int64)
    return ShardStats(len(shard.x), shard.x.shape[1], len(counts) - 1, mean, m2, counts)


def _moments(column: Array) -> tuple[np.float64, np.float64]:
    """Return mean and sum of squared differences from it; one column at a time spares memory."""
    values = column.astype(np.float64)
    mean = values.mean()
    values -= mean
    return mean, np.square(values, out=values).sum()


def merge_stats(stats: Sequence[ShardStats]) -> ShardStats:
    """Return the statistics of all shards together, merged one by one in the order given.

    Chan, Golub and LeVeque (1983), equation 2.1; the order is fixed, so the bits are too.

    Raises:
        ValueError: no shards, or they differ in columns.
    """
    if not stats:
        raise ValueError("no shards to merge; at least one is needed")
    merged = stats[0]
    for other in stats[1:]:
        merged = _merge_two(merged, other)
    return merged


def _merge_two(a: ShardStats, b: ShardStats) -> ShardStats:
    if a.columns != b.columns:
        raise ValueError(f"shards must have the same columns, not {a.columns} and {b.columns} features")
    rows = a.rows + b.rows
    difference = b.mean - a.mean
    mean = a.mean + difference * (b.rows / rows)
    m2 = a.m2 + b.m2 + difference**2 * (a.rows * b.rows / rows)
    counts = np.zeros(max(a.max_label, b.max_label) + 1, np.int64)
    counts[: len(a.label_counts)] += a.label_counts
    counts[: len(b.label_counts)] += b.label_counts
    return ShardStats(rows, a.columns, len(counts) - 1, mean, m2, counts)


def standardizer(stats: ShardStats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (offset, scale), each (columns,): `(x - offset) / scale` has mean 0 and deviation 1.

    A constant column has scale 1.
    """
    deviation = np.sqrt(stats.m2 / stats.rows)
    return stats.mean, np.where(deviation > 0, deviation, 1.0)
