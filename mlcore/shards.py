"""Shards: which files of a folder are the data, and rows made ready to train on."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcore.kernels.backend import FloatArray, IntArray
from mlcore.rows import DataError, Shard, parse_rows
from mlcore.shard_stats import ShardStats, merge_stats, standardizer, survey

__all__ = [
    "DataError",
    "Dataset",
    "Shard",
    "ShardStats",
    "check_labels",
    "find_shards",
    "merge_stats",
    "parse_rows",
    "prepare",
    "standardizer",
    "survey",
]

_TRAIN = re.compile(r"train_(.*?)([0-9]+)\.txt")


@dataclass(frozen=True, slots=True)
class Dataset:
    """The files of one dataset: training shards in the order of their numbers, and the validation file."""

    train: list[Path]
    validation: Path


def find_shards(directory: Path) -> Dataset:
    """Return the files `train_<name><N>.txt`, ordered by the number N, and the one `validate_<name>.txt`.

    Raises:
        DataError: the folder or what it holds is not such a dataset; says which and what to do.
    """
    if not directory.exists():
        raise DataError(f"{directory}: no such folder; give the folder that holds train_<name><N>.txt")
    if not directory.is_dir():
        raise DataError(f"{directory}: not a folder; give the folder that holds train_<name><N>.txt")
    name, train = _train_files(directory)
    return Dataset(train, _validation_file(directory, name))


def _train_files(directory: Path) -> tuple[str, list[Path]]:
    """Return the dataset's name and its training files in order."""
    found: dict[int, Path] = {}
    names: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        match = _TRAIN.fullmatch(path.name)
        if not match or not path.is_file():
            continue
        number = int(match[2])
        if names.setdefault(match[1], path) is path and len(names) > 1:
            first = next(iter(names.values()))
            raise DataError(f"{path}: another name than {first.name}; keep one dataset per folder")
        if number in found:
            raise DataError(f"{path}: same number as {found[number].name}; rename or remove one of them")
        found[number] = path
    if not found:
        raise DataError(f"{directory}: no train_<name><N>.txt in it; name the shards so, N = 1, 2, ...")
    return next(iter(names)), [found[number] for number in sorted(found)]


def _validation_file(directory: Path, name: str) -> Path:
    found = sorted(path for path in directory.glob("validate_*.txt") if path.is_file())
    if not found:
        raise DataError(f"{directory}: no validate_{name}.txt in it; add the rows to validate on")
    if len(found) > 1:
        raise DataError(f"{found[1]}: a second validation file beside {found[0].name}; keep one of them")
    if found[0].name != f"validate_{name}.txt":
        raise DataError(f"{found[0]}: does not belong to train_{name}<N>.txt; rename it validate_{name}.txt")
    return found[0]


def check_labels(shard: Shard, classes: int, *, name: str) -> None:
    """Raise DataError, naming the row, if a label is not below `classes`; 0 allows any."""
    if classes and shard.y.max() >= classes:
        row = int(np.argmax(shard.y >= classes))
        raise DataError(f"{name}:{row + 1}: label {shard.y[row]} is not below k = {classes}; give a larger --k")


def prepare(
    shard: Shard, *, dtype: str, offset: FloatArray | None = None, scale: FloatArray | None = None
) -> tuple[FloatArray, IntArray]:
    """Return (x, y) to train on: `x` in `dtype`, standardized if `offset` and `scale` are given.

    The arithmetic is float64 and rounded once, so that parsed text and parsed arrays give the same bits.
    """
    if offset is None or scale is None:
        return shard.x.astype(dtype), shard.y
    return ((shard.x - offset) / scale).astype(dtype), shard.y
