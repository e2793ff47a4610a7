"""The same training in a process of its own, without rounds: `python -m bench.letters.alone DIR SHARDS`.

SHARDS are the indices of the shards to train, one after the other; it prints the seconds.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from bench.letters.target import BATCH, LAYERS, SEED
from mlcore.kernels import get_backend
from mlcore.kernels.threads import set_threads
from mlcore.mlp import init_weights
from mlcore.settings import TrainSettings
from mlcore.shards import find_shards, parse_rows
from mlcore.training import train_shard

ROUNDS = 8
EPOCHS = 60  # of one task; all rounds on two shards take about 8 s on one core
ETA = 0.005  # as many passes at the target's rate would end in divergence


def main(directory: str, shards: str) -> None:
    """Train as often and as long as the run of the two nodes does."""
    settings = TrainSettings(
        LAYERS, optimizer="sgd", rounds=ROUNDS, epochs=EPOCHS, eta=ETA, batch_size=BATCH, seed=SEED
    )
    model = init_weights(LAYERS, init="he", seed=SEED, dtype="float32")
    files = [find_shards(Path(directory)).train[int(index)] for index in shards]
    data = [parse_rows(file.read_bytes(), name=file.name) for file in files]
    rows = [((shard.x - shard.x.mean(axis=0)) / shard.x.std(axis=0), shard.y) for shard in data]
    set_threads(1)
    backend = get_backend()
    # Kernels are loaded, and buffers made, before the clock starts: a node's are, too.
    train_shard(model, *rows[0], replace(settings, epochs=1), round_number=1, shard=0, backend=backend)
    started = perf_counter()
    for number in range(1, ROUNDS + 1):
        for index, (x, y) in enumerate(rows):
            train_shard(model, x, y, settings, round_number=number, shard=index, backend=backend)
    print(perf_counter() - started, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
