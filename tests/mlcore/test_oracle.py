"""The training agrees with a plain float64 transcription of the mathematics."""

from dataclasses import replace

import numpy as np
import pytest

from mlcore import optimizers
from mlcore.kernels import Backend
from mlcore.mlp import init_weights
from mlcore.training import TrainSettings, train_shard
from tests.mlcore.letters_data import LAYERS, training_shards
from tests.mlcore.oracle import Oracle

REACH = {"float64": 1e-12, "float32": 1e-5}


def distance(settings: TrainSettings, model: np.ndarray, shard: int, backend: Backend) -> float:
    """Return how far our delta is from the oracle's, as a share of the distance moved."""
    x, y = training_shards(settings.dtype)[shard]
    ours = train_shard(model, x, y, settings, round_number=1, shard=shard, backend=backend)
    delta, loss, epochs_run = Oracle(settings).train_shard(model, x, y, round_number=1, shard=shard)
    assert ours.epochs_run == epochs_run
    assert ours.loss == pytest.approx(loss, rel=1e-4 if settings.dtype == "float32" else 1e-12)
    return float(np.linalg.norm(ours.delta - delta) / np.linalg.norm(delta))


def classic_distances(activation: str, dtype: str, backend: Backend) -> list[float]:
    """Return the distances after 40 epochs from the classic start, for two seeds on all shards."""
    distances = []
    for seed in (1, 2):
        settings = TrainSettings(LAYERS, activation=activation, epochs=40, seed=seed, dtype=dtype)
        model = init_weights(LAYERS, init="uniform", seed=seed, dtype=dtype)
        distances += [distance(settings, model, shard, backend) for shard in range(10)]
    return distances


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_40_epochs_from_the_classic_start_agree_at_float64(activation: str, cpu_backend: Backend) -> None:
    assert max(classic_distances(activation, "float64", cpu_backend)) < REACH["float64"]


def test_40_epochs_from_the_classic_start_agree_at_float32(cpu_backend: Backend) -> None:
    """All but a few tasks agree to 1e-5; in those, one relu gate of one row lies within rounding of zero.

    Measured over 200 tasks: the median is 2e-7 and 12 exceed 1e-5, the worst with 3e-4, each from the epoch
    on in which a pre-activation of about 1e-8 has the other sign at float32. No float32 code can avoid it.
    Which tasks these are depends on the processor; at that rate more than 6 of 20 come once in 10,000.
    """
    distances = classic_distances("relu", "float32", cpu_backend)
    assert np.median(distances) < 1e-6
    assert sum(d > REACH["float32"] for d in distances) <= 6
    assert max(distances) < 1e-3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_epoch_from_each_of_20_trained_models_agrees(dtype: str, cpu_backend: Backend) -> None:
    settings = TrainSettings(LAYERS, rounds=20, epochs=10, dtype=dtype)
    model = init_weights(LAYERS, init="uniform", seed=1, dtype=dtype)
    for number in range(20):
        x, y = training_shards(dtype)[number % 10]
        model += train_shard(
            model, x, y, settings, round_number=number + 1, shard=number % 10, backend=cpu_backend
        ).delta
        assert distance(replace(settings, epochs=1), model, number % 10, cpu_backend) < REACH[dtype]


@pytest.mark.parametrize("optimizer", ["gd", "sgd", "adam"])
@pytest.mark.parametrize(("schedule", "prox_mu"), [("constant", 0.0), ("cosine", 0.5), ("onecycle", 0.0)])
def test_every_option_agrees_on_every_backend(optimizer: str, schedule: str, prox_mu: float, backend: Backend) -> None:
    stochastic = optimizer != "gd"
    settings = TrainSettings(
        (16, 20, 12, 26),
        activation="tanh",
        optimizer=optimizer,
        rounds=3,
        epochs=2,
        eta=0.01 if stochastic else 0.0001,
        eta_schedule=schedule,
        batch_size=300 if stochastic else 0,
        weight_decay=0.1 if stochastic else 0.0,
        label_smoothing=0.1,
        dtype="float64",
        prox_mu=prox_mu if stochastic else 100 * prox_mu,
    )
    model = init_weights(settings.layers, init="xavier", seed=3, dtype="float64")
    x, y = training_shards("float64")[0]
    x = (x - 7) / 3
    ours = train_shard(model, x, y, settings, round_number=2, shard=4, backend=backend)
    delta, loss, _ = Oracle(settings).train_shard(model, x, y, round_number=2, shard=4)
    assert ours.loss == pytest.approx(loss, rel=1e-12)
    # Adam divides by the root of small numbers, which lets rounding grow.
    assert np.linalg.norm(ours.delta - delta) < 1e-9 * np.linalg.norm(delta)


def test_the_momentum_of_large_models_is_the_same(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "_LARGE", 1)
    settings = TrainSettings(LAYERS, optimizer="sgd", epochs=2, eta=0.01, batch_size=300, prox_mu=0.5, dtype="float64")
    model = init_weights(LAYERS, init="he", seed=1, dtype="float64")
    for shard in (3, 4):  # the second finds what the first has left
        assert distance(settings, model, shard, backend) < REACH["float64"]
