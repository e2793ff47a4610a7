"""One implementation of one work as a contestant: `python -m bench.core.child IMPLEMENTATION WORK THREADS ANSWER`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import perf_counter

import numpy as np

from bench.contestant import Figures, Run, serve
from bench.core.reference import Vector
from bench.core.works import WORKS, Floats, Work

# Of each implementation: takes the work and the number of threads, returns what runs it once and
# returns the trained weights, flat, as mlcore.mlp lays them out.
Prepare = Callable[[Work, int], Callable[[], Floats]]


@contextmanager
def contestant(implementation: str, work: Work, threads: int, answer: Path) -> Iterator[Run]:
    """Make the implementation ready; its result is checked before any time counts."""
    prepare: Prepare = import_module(f"bench.core.{implementation}").prepare
    train = prepare(work, threads)
    for _ in range(2):  # twice: the second run shows what the first left behind
        check(work, train(), np.load(answer))

    def run() -> Figures:
        started = perf_counter()
        for _ in range(work.repeats):
            train()
        seconds = (perf_counter() - started) / work.repeats
        return {"ms": 1000 * seconds, "gflops": work.gemm_flops / seconds / 1e9}

    yield run


def check(work: Work, weights: Floats, answer: Vector) -> None:
    """Raise ValueError if the weights are not those of float64 but for rounding."""
    way = np.linalg.norm(answer - work.model)
    distance = float(np.linalg.norm(weights - answer) / way)
    if not distance <= work.tolerance:
        raise ValueError(f"the result is {distance:.1%} of the way trained off float64's, above {work.tolerance:.1%}")


def main(implementation: str, work: str, threads: str, answer: str) -> None:
    serve(contestant(implementation, WORKS[work], int(threads), Path(answer)))


if __name__ == "__main__":
    main(*sys.argv[1:])
