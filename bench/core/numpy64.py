"""Plain NumPy in float64: the code of the reference, timed."""

from __future__ import annotations

from collections.abc import Callable

from bench.core import reference
from bench.core.works import Floats, Work


def prepare(work: Work, threads: int) -> Callable[[], Floats]:
    def train() -> Floats:
        weights: Floats = reference.train(work)  # type: ignore[assignment]  # only ever compared and dropped
        return weights

    return train
