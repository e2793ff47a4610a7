"""Roundhouse's core on the first GPU."""

from __future__ import annotations

from collections.abc import Callable

from bench.core.roundhouse import prepare_on
from bench.core.works import Floats, Work


def prepare(work: Work, threads: int) -> Callable[[], Floats]:
    return prepare_on("cuda", work, threads)
