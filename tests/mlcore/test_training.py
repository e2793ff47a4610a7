"""One training task: pure, exact about what it was asked, loud when it diverges."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from mlcore.kernels import Backend, set_threads
from mlcore.mlp import init_weights
from mlcore.training import ShardResult, TrainSettings, train_shard

LAYERS = (16, 40, 26)
SETTINGS = TrainSettings(LAYERS, optimizer="adam", epochs=2, eta=0.01, batch_size=64, weight_decay=0.1)


def rows(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, 16)), rng.integers(26, size=n_rows)


def train(
    settings: TrainSettings, backend: Backend, *, n_rows: int = 300, shard: int = 0, round_number: int = 1
) -> ShardResult:
    model = init_weights(settings.layers, init="he", seed=1, dtype=settings.dtype)
    x, y = rows(n_rows)
    return train_shard(model, x, y, settings, round_number=round_number, shard=shard, backend=backend)


def test_the_same_arguments_give_the_same_bits_whatever_ran_before(backend: Backend) -> None:
    first = train(SETTINGS, backend)
    for other in ("sgd", "gd"):
        changed = replace(SETTINGS, optimizer=other, batch_size=0, weight_decay=0.0, eta=1e-4)
        train(changed, backend)
        train(replace(changed, dtype="float64"), backend, n_rows=77)
    train(SETTINGS, backend, shard=5)
    again = train(SETTINGS, backend)
    assert again.delta.tobytes() == first.delta.tobytes()
    assert again.loss == first.loss


def test_the_same_arguments_give_the_same_bits_in_every_thread(cpu_backend: Backend) -> None:
    deltas: list[bytes] = []

    def run() -> None:
        deltas.append(train(SETTINGS, cpu_backend).delta.tobytes())

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert deltas == [train(SETTINGS, cpu_backend).delta.tobytes()] * 4


def test_more_workspaces_than_are_kept_change_nothing(cpu_backend: Backend) -> None:
    wide = replace(SETTINGS, layers=(16, 30_000, 26), epochs=1)
    first = train(wide, cpu_backend, n_rows=200)
    for n_rows in range(130, 135):
        train(wide, cpu_backend, n_rows=n_rows)
    assert train(wide, cpu_backend, n_rows=200).delta.tobytes() == first.delta.tobytes()


def test_the_model_and_the_data_are_left_alone(backend: Backend) -> None:
    model = init_weights(LAYERS, init="he", seed=1, dtype="float32")
    x, y = rows(300)
    x = x.astype(np.float32)
    before = model.tobytes(), x.tobytes(), y.tobytes()
    for array in (model, x, y):
        array.flags.writeable = False
    result = train_shard(model, x, y, SETTINGS, round_number=1, shard=0, backend=backend)
    assert (model.tobytes(), x.tobytes(), y.tobytes()) == before
    assert result.delta.dtype == np.float32
    assert result.delta.shape == model.shape


def test_seed_round_and_shard_each_change_the_order_of_rows(cpu_backend: Backend) -> None:
    settings = replace(SETTINGS, rounds=3)
    deltas = {
        train(settings, cpu_backend).delta.tobytes(),
        train(replace(settings, seed=2), cpu_backend).delta.tobytes(),
        train(settings, cpu_backend, shard=1).delta.tobytes(),
        train(settings, cpu_backend, round_number=2).delta.tobytes(),
    }
    assert len(deltas) == 4


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_last_short_batch_is_used(optimizer: str, backend: Backend) -> None:
    """A row with an input of its own moves that input's weights, wherever the shuffle puts it."""
    settings = replace(SETTINGS, optimizer=optimizer, epochs=1, weight_decay=0.0)
    model = init_weights(LAYERS, init="he", seed=1, dtype="float32")
    for own in range(65):  # one batch of 64 and one of a single row
        x = np.zeros((65, 16))
        x[own, 0] = 5.0
        result = train_shard(model, x, np.arange(65) % 26, settings, round_number=1, shard=0, backend=backend)
        assert np.any(result.delta[: 17 * 40].reshape(40, 17)[:, 0])


def test_gd_stops_after_the_epoch_whose_loss_hardly_changed(backend: Backend) -> None:
    settings = TrainSettings(LAYERS, epochs=50, eta=1e-5, tolerance=1e6)
    assert train(settings, backend).epochs_run == 2
    assert train(replace(settings, tolerance=0.0), backend).epochs_run == 50
    assert train(replace(settings, epochs=1), backend).epochs_run == 1


def test_only_gd_stops_early(cpu_backend: Backend) -> None:
    assert train(replace(SETTINGS, epochs=5, tolerance=1e6), cpu_backend).epochs_run == 5


@pytest.mark.parametrize("optimizer", ["gd", "sgd"])
def test_divergence_names_the_epoch_and_the_cure(optimizer: str, backend: Backend) -> None:
    settings = TrainSettings(LAYERS, optimizer=optimizer, epochs=20, eta=1e30, tolerance=0.0)
    with pytest.raises(FloatingPointError, match=r"in epoch \d+ at eta 1e\+30; a smaller eta helps"):
        train(settings, backend)


def test_a_weight_lost_in_the_last_step_is_divergence_too(cpu_backend: Backend) -> None:
    settings = TrainSettings(LAYERS, epochs=1, eta=1e38)
    with pytest.raises(FloatingPointError, match="in epoch 1 "):
        train(settings, cpu_backend)


def test_a_task_after_a_diverged_one_is_not_touched_by_it(backend: Backend) -> None:
    settings = TrainSettings(LAYERS, epochs=3, eta=1e-4)
    clean = train(settings, backend)
    with pytest.raises(FloatingPointError):
        train(replace(settings, eta=1e38), backend)
    assert train(settings, backend).delta.tobytes() == clean.delta.tobytes()


@pytest.mark.parametrize("optimizer", ["gd", "sgd", "adam"])
def test_the_larger_prox_mu_the_nearer_the_weights_stay(optimizer: str, backend: Backend) -> None:
    settings = replace(SETTINGS, optimizer=optimizer, epochs=8, weight_decay=0.0, tolerance=0.0)
    if optimizer == "gd":
        settings = replace(settings, eta=0.001, batch_size=0)
    moved = [np.linalg.norm(train(replace(settings, prox_mu=mu), backend).delta) for mu in (0.0, 1.0, 30.0)]
    assert moved[0] > moved[1] > moved[2]


def test_without_prox_mu_a_task_is_the_same_whatever_had_it_before(backend: Backend) -> None:
    first = train(SETTINGS, backend)
    with_it = train(replace(SETTINGS, prox_mu=1.0), backend)
    assert with_it.delta.tobytes() != first.delta.tobytes()
    assert train(replace(SETTINGS, prox_mu=1.0), backend).delta.tobytes() == with_it.delta.tobytes()
    assert train(SETTINGS, backend).delta.tobytes() == first.delta.tobytes()


@pytest.mark.parametrize("hidden", [(), (30,), (30, 20, 10)])
def test_any_number_of_hidden_layers_learns(hidden: tuple[int, ...], cpu_backend: Backend) -> None:
    settings = replace(SETTINGS, layers=(16, *hidden, 26), weight_decay=0.0)
    few = train(settings, cpu_backend)
    more = train(replace(settings, epochs=10), cpu_backend)
    assert more.loss < few.loss


def test_logits_far_outside_the_range_of_exp_are_no_trouble(backend: Backend) -> None:
    settings = TrainSettings((16, 26), epochs=1, eta=1e-9)
    model = init_weights((16, 26), init="he", seed=1, dtype="float32") * np.float32(1e4)
    x, y = rows(50)
    result = train_shard(model, x, y, settings, round_number=1, shard=0, backend=backend)
    assert np.isfinite(result.delta).all()
    assert result.loss > 1e3


def test_two_threads_train_as_well_as_one(cpu_backend: Backend) -> None:
    one = train(replace(SETTINGS, layers=(16, 512, 26)), cpu_backend)
    set_threads(2)
    two = train(replace(SETTINGS, layers=(16, 512, 26)), cpu_backend)
    assert two.loss == pytest.approx(one.loss, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": np.zeros(3, np.float32)}, r"model must be 1746 weights of float32"),
        ({"model": np.zeros(1746)}, "not float64"),
        ({"x": np.zeros((300, 15))}, r"x must have shape \(rows, 16\)"),
        ({"x": np.zeros((0, 16))}, "rows >= 1"),
        ({"y": np.zeros(299, np.int64)}, r"y must have shape \(300,\)"),
        ({"y": np.full(300, 26)}, r"y must hold classes 0..25, not 26..26"),
        ({"y": np.full(300, -1)}, r"not -1..-1"),
        ({"round_number": 0}, r"round_number must be 1..1"),
        ({"round_number": 2}, r"round_number must be 1..1"),
        ({"shard": -1}, "shard must be 0 or more"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(change: dict[str, object], what: str) -> None:
    x, y = rows(300)
    model = init_weights(LAYERS, init="he", seed=1, dtype="float32")
    arguments = {"model": model, "x": x, "y": y, "settings": SETTINGS, "round_number": 1, "shard": 0}
    with pytest.raises(ValueError, match=what):
        train_shard(**{**arguments, **change})  # type: ignore[arg-type]
