"""Roundhouse's own core; the environment chooses between compiled loops and NumPy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.core.works import Floats, Work
from mlcore.kernels import get_backend
from mlcore.kernels.threads import set_threads
from mlcore.training import train_shard


def prepare(work: Work, threads: int) -> Callable[[], Floats]:
    return prepare_on("cpu", work, threads)


def prepare_on(device: str, work: Work, threads: int) -> Callable[[], Floats]:
    """Compute on a device, with the look for a cancellation before each step that a node does."""
    backend = get_backend(device)
    x, y = work.rows_and_classes
    x.flags.writeable = y.flags.writeable = False  # as a node's shards

    def train() -> Floats:
        set_threads(threads)
        result = train_shard(
            work.model, x, y, work.settings, round_number=1, shard=0, backend=backend, before_step=lambda: None
        )
        return np.add(work.model, result.delta, dtype=np.float32)

    return train
