"""What everybody trains: the letters in two shards, 16-256-26, until 90 % of the validation rows are right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcore.shards import find_shards, parse_rows

LETTERS = Path(__file__).resolve().parents[2] / "letters"
LAYERS = (16, 256, 26)
ETA = 0.2
MOMENTUM = 0.9
BATCH = 128
ERROR = 0.10
MOST_ROUNDS = 60
SEED = 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Standardized inputs (rows, 16), float32, and their classes."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


def write_two_shards(folder: Path) -> Path:
    """Write the ten shards as two, and the validation file."""
    folder.mkdir()
    data = find_shards(LETTERS)
    for number, part in enumerate((data.train[:5], data.train[5:]), start=1):
        (folder / f"train_letters{number}.txt").write_bytes(b"".join(path.read_bytes() for path in part))
    (folder / "validate_letters.txt").write_bytes(data.validation.read_bytes())
    return folder


def read() -> tuple[list[Rows], Rows]:
    """The two shards and the validation rows, standardized by the training rows."""
    data = find_shards(LETTERS)
    parts = [_rows(data.train[:5]), _rows(data.train[5:])]
    everything = np.concatenate([part.x for part in parts])
    mean, deviation = everything.mean(axis=0), everything.std(axis=0)
    *shards, validation = (Rows((each.x - mean) / deviation, each.y) for each in (*parts, _rows([data.validation])))
    return shards, validation


def _rows(files: list[Path]) -> Rows:
    shards = [parse_rows(path.read_bytes(), name=path.name) for path in files]
    return Rows(np.concatenate([s.x for s in shards]).astype(np.float32), np.concatenate([s.y for s in shards]))
