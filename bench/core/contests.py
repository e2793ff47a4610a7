"""Who takes part in the contests of the core."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contest import ROOT, Contestant, environment, hold
from bench.results import Results
from mlcore.kernels.select import SWITCH


@dataclass(frozen=True, slots=True)
class Implementation:
    """One module of this folder as a contestant."""

    name: str
    module: str
    needs: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


OURS = Implementation("roundhouse", "roundhouse", ("numba",))
OURS_IN_NUMPY = Implementation("roundhouse-numpy", "roundhouse", environment=((SWITCH, "numpy"),))
OURS_ON_A_GPU = Implementation("roundhouse-cuda", "roundhouse_cuda", ("cupy",))
PLAIN = Implementation("numpy-float64", "numpy64")
SKLEARN = Implementation("scikit-learn", "sklearn_mlp", ("sklearn",))
TORCH = Implementation("torch", "torch_eager", ("torch",))
TORCH_COMPILED = Implementation("torch-compiled", "torch_compiled", ("torch",))
JAX = Implementation("jax", "jax_scan", ("jax",))
PEERS = (SKLEARN, TORCH, TORCH_COMPILED, JAX)
"""The peers; torch compiled is left out of work C, where it has nothing to gain."""


def run(works: str, implementations: Iterable[Implementation], threads: int, turns: int, results: Results) -> None:
    """Hold one contest per work, each with the machine's limit measured in the same sitting."""
    with TemporaryDirectory(prefix="roundhouse-bench-") as folder:
        for work in works:
            answer = Path(folder) / f"{work}.npy"
            contestants = [
                _limit(work, threads),
                *(_contestant(each, work, threads, answer) for each in implementations),
            ]
            command = [sys.executable, "-m", "bench.core.reference", work, str(answer)]
            subprocess.run(command, cwd=ROOT, env=environment(contestants[0]), check=True, timeout=300)
            hold(contestants, turns, results)


def run_text(turns: int, results: Results) -> None:
    """How fast text becomes arrays."""
    hold([Contestant("core/text/roundhouse", ("bench.core.text",))], turns, results)


def _limit(work: str, threads: int) -> Contestant:
    return Contestant(f"core/{work}/{threads}/limit", ("bench.core.limit", work), threads=threads)


def _contestant(implementation: Implementation, work: str, threads: int, answer: Path) -> Contestant:
    return Contestant(
        f"core/{work}/{threads}/{implementation.name}",
        ("bench.core.child", implementation.module, work, str(threads), str(answer)),
        needs=implementation.needs,
        threads=threads,
        environment=dict(implementation.environment),
        timeout_s=300.0,
    )
