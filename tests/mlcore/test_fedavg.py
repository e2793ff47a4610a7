"""Rounds of the classic algorithm in one process reach the validation error they are known for."""

import numpy as np

from mlcore.kernels import Backend, get_backend
from mlcore.metrics import evaluate
from mlcore.mlp import init_weights
from mlcore.training import TrainSettings, train_shard
from tests.mlcore.letters_data import LAYERS, training_shards, validation


def classic_error(seed: int, backend: Backend) -> float:
    """Return the validation error after 3 rounds x 75 epochs, h 24, eta 0.0001."""
    settings = TrainSettings(LAYERS, rounds=3, epochs=75, eta=0.0001, seed=seed)
    model = init_weights(LAYERS, init="uniform", seed=seed, dtype="float32")
    shards = training_shards("float32")
    n_rows = sum(len(x) for x, _ in shards)
    for round_number in range(1, 4):
        total = np.zeros_like(model)
        for shard, (x, y) in enumerate(shards):
            result = train_shard(model, x, y, settings, round_number=round_number, shard=shard, backend=backend)
            total += result.delta * len(x)
        model += total / n_rows
    return evaluate(model, *validation("float32"), LAYERS, activation="relu", backend=backend).error


def test_ten_seeds_of_the_classic_run_stay_in_their_band() -> None:
    backend = get_backend()
    errors = [classic_error(seed, backend) for seed in range(1, 11)]
    assert 0.375 <= np.median(errors) <= 0.405
    assert min(errors) >= 0.35
    assert max(errors) <= 0.45
