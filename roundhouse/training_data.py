"""Rows of a Python program as a folder that a run trains on: shards, validation, numbers kept exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]  # indices of rows

_FEWEST_TO_VALIDATE = 10  # fewer rows tell little: then the training rows validate, too
_ROWS_PER_SHARD = 4000
_MOST_SHARDS = 16


def hold_out(labels: NDArray[np.float64], fraction: float, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return the rows to train on, shuffled, and those to validate on.

    Of each class its share is held out, but one row at least is left to train on. Where fewer than ten would be held
    out, all rows train and all validate.

    Args:
        labels: class of each row, 0..n_classes-1, shape (rows,).
        fraction: share of the rows to hold out, from 0 to below 1.
    """
    shuffled = rng.permutation(len(labels))
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    by_class = np.split(ordered, np.flatnonzero(np.diff(labels[ordered])) + 1)
    held = np.concatenate([rows[: min(len(rows) - 1, round(fraction * len(rows)))] for rows in by_class])
    if len(held) < _FEWEST_TO_VALIDATE:
        return shuffled, shuffled
    return shuffled[~np.isin(shuffled, held)], held


def n_shards(n_rows: int, wanted: int | None) -> int:
    """Return how many shards to make of the rows: as many as wanted, or one for each four thousand, 16 at most."""
    if wanted is None:
        wanted = min(_MOST_SHARDS, n_rows // _ROWS_PER_SHARD)
    return max(1, min(wanted, n_rows))


def write_folder(folder: Path, table: NDArray[np.float64], validation: NDArray[np.float64], shards: int) -> None:
    """Write the rows `features..., label` of both tables as the files of a dataset.

    Args:
        table: to train on, cut into `shards` parts that differ by one row at most.
    """
    for number, part in enumerate(np.array_split(table, shards), start=1):
        _write_rows(folder / f"train_rows{number}.txt", part)
    _write_rows(folder / "validate_rows.txt", validation)


def _write_rows(path: Path, table: NDArray[np.float64]) -> None:
    # 17 digits say exactly which float64 is meant; whole numbers stay short, and are quick to read.
    np.savetxt(path, table, fmt="%.17g", delimiter=",")
