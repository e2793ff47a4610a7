"""The task of every round: nodes that add a constant, so that all that is left is the round itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcore.mlp import init_weights

Floats = NDArray[np.float32]

INPUTS, CLASSES = 16, 26
# From zero in steps of a power of two: means over 2 or 8 nodes are exact, whoever adds weights or deltas in any order.
INIT = "zeros"
STEP = np.float32(0.25)
HIDDEN = {"1k": 24, "100k": 2_325, "10M": 232_557}  # units that make about so many weights


def layers(size: str) -> tuple[int, int, int]:
    """The model of about `size` weights."""
    return INPUTS, HIDDEN[size], CLASSES


def start(size: str) -> Floats:
    """The weights before the first round, the same for every system."""
    weights: Floats = init_weights(layers(size), init=INIT, seed=0, dtype="float32")
    return weights


def trained(size: str, rounds: int) -> Floats:
    """The weights that every system must have after so many rounds, bit by bit."""
    weights = start(size)
    for _ in range(rounds):
        weights += STEP
    return weights


def tiny_data(folder: Path, shards: int) -> Path:
    """Write one row a class for each shard, and one row to validate on."""
    folder.mkdir()
    rows = [",".join(str((row * 7 + column) % 16) for column in range(INPUTS)) + f",{row}\n" for row in range(CLASSES)]
    for number in range(1, shards + 1):
        (folder / f"train_tiny{number}.txt").write_text("".join(rows))
    (folder / "validate_tiny.txt").write_text(rows[0])
    return folder
