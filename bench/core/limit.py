"""What the machine could do at best: a work's matrix products at the peak of sgemm, its exponentials at NumPy's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter

import numpy as np

from bench.contestant import Figures, Run, serve
from bench.core.works import WORKS, Work

_SIZE = 2048
_IN_CACHE = 64 * 1024


@contextmanager
def contestant(work: Work) -> Iterator[Run]:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, _SIZE, _SIZE), dtype=np.float32)
    product = np.empty_like(a)
    x = rng.standard_normal(_IN_CACHE, dtype=np.float32)
    out = np.empty_like(x)

    def run() -> Figures:
        flops = 2 * _SIZE**3 / _seconds(lambda: np.matmul(a, b, out=product), 9)
        exponentials = _IN_CACHE / _seconds(lambda: np.exp(x, out=out), 99)
        seconds = work.gemm_flops / flops + work.exponentials / exponentials
        return {"ms": 1000 * seconds, "gflops": flops / 1e9}

    run()
    yield run


def _seconds(call: Callable[[], object], times: int) -> float:
    """Seconds of the middle one of several calls: a neighbour that slows the others down slows this, too."""
    seconds = []
    for _ in range(times):
        started = perf_counter()
        call()
        seconds.append(perf_counter() - started)
    return median(seconds)


if __name__ == "__main__":
    serve(contestant(WORKS[sys.argv[1]]))
