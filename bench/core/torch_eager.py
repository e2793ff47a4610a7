"""PyTorch as most people run it: eager, with its fused optimizers."""

from __future__ import annotations

from collections.abc import Callable

from bench.core.torch_model import cross_entropy, trainer
from bench.core.works import Floats, Work


def prepare(work: Work, threads: int) -> Callable[[], Floats]:
    return trainer(work, threads, cross_entropy(work))
