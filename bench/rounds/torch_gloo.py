"""PyTorch's gloo all_reduce, what DistributedDataParallel averages with: no server, every node holds the model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch
import torch.distributed as dist

from bench.programs import running
from bench.rounds.child import Outcome
from bench.rounds.task import STEP, Floats, start


@contextmanager
def cluster(nodes: int, size: str, rounds: int) -> Iterator[Callable[[], Outcome]]:
    with ExitStack() as stack:
        meeting = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-"))) / "meeting"
        for rank in range(1, nodes):
            command = ("-m", "bench.rounds.torch_gloo", str(meeting), str(rank), str(nodes), size, str(rounds))
            stack.enter_context(running(*command))
        join(meeting, 0, nodes)

        def train() -> Outcome:
            dist.barrier()
            started = perf_counter()
            weights = average(nodes, size, rounds)
            return Outcome((perf_counter() - started) / rounds, weights, rounds)

        yield train


def join(meeting: Path, rank: int, nodes: int) -> None:
    """Meet the other nodes."""
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=nodes)


def average(nodes: int, size: str, rounds: int) -> Floats:
    """Add the mean of everybody's delta, round after round."""
    weights = torch.from_numpy(start(size))
    for _ in range(rounds):
        delta = torch.full_like(weights, float(STEP))
        dist.all_reduce(delta)
        weights += delta.div_(nodes)
    return np.asarray(weights)


def follow(meeting: str, rank: str, nodes: str, size: str, rounds: str) -> None:
    """Take part in every turn until ended."""
    join(Path(meeting), int(rank), int(nodes))
    while True:
        dist.barrier()
        average(int(nodes), size, int(rounds))


if __name__ == "__main__":
    follow(*sys.argv[1:])
