"""PyTorch with torch.compile: forward and backward pass compiled as one, the optimizer fused."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.core.torch_model import cross_entropy, trainer
from bench.core.works import Floats, Work


def prepare(work: Work, threads: int) -> Callable[[], Floats]:
    return trainer(work, threads, torch.compile(cross_entropy(work)))
