"""One process of the DistributedDataParallel contestant: `python -m bench.letters.torch_ddp_rank FILE RANK NODES`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from bench.core.torch_model import perceptron, write
from bench.letters.target import BATCH, ERROR, ETA, LAYERS, MOMENTUM, SEED, Rows, read
from mlcore.mlp import init_weights

_LOOK_EVERY = 20  # steps between two looks at the validation rows, which do not count as training
_MOST_STEPS = 4_000


def main(meeting: str, rank: str, nodes: str) -> None:
    """Train until the target; rank 0 prints what it took."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=int(rank), world_size=int(nodes))
    shards, validation = read()
    model = perceptron(LAYERS)
    write(init_weights(LAYERS, init="he", seed=SEED, dtype="float32"), model, LAYERS)
    found = train(torch.nn.parallel.DistributedDataParallel(model), shards[int(rank)], validation)
    if rank == "0":
        print(json.dumps(found), flush=True)
    dist.barrier()


def train(model: Any, rows: Rows, validation: Rows) -> dict[str, float]:
    """Train until enough validation rows are right; seconds without looking at them."""
    optimizer = torch.optim.SGD(model.parameters(), lr=ETA, momentum=MOMENTUM)
    dist.barrier()
    seconds = 0.0
    started = perf_counter()
    for step, (x, y) in enumerate(_batches(rows), start=1):
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        if step % _LOOK_EVERY == 0:
            seconds += perf_counter() - started
            found = accuracy(model.module, validation)
            if found >= 1.0 - ERROR or step >= _MOST_STEPS:
                break
            dist.barrier()
            started = perf_counter()
    return {"training-s": seconds, "rounds": step, "accuracy": found}


def _batches(rows: Rows) -> Iterator[tuple[Any, Any]]:
    """Batches in a new order in each pass, without end."""
    x, y = torch.from_numpy(rows.x), torch.from_numpy(rows.y)
    rng = np.random.default_rng(SEED)
    while True:
        order = rng.permutation(len(y))
        for start in range(0, len(y) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            yield x[chosen], y[chosen]


def accuracy(model: Any, rows: Rows) -> float:
    """Share of the rows that the model gets right."""
    with torch.no_grad():
        guessed = model(torch.from_numpy(rows.x)).argmax(1).numpy()
    return float((guessed == rows.y).mean())


if __name__ == "__main__":
    main(*sys.argv[1:])
