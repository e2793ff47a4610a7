"""Evaluation: right numbers, lowest class on ties, bounded memory."""

import tracemalloc

import numpy as np
import pytest

from mlcore.kernels import Backend
from mlcore.kernels.numpy_backend import NumpyBackend
from mlcore.metrics import evaluate
from mlcore.mlp import init_weights
from mlcore.training import TrainSettings
from tests.mlcore.letters_data import LAYERS, validation
from tests.mlcore.oracle import Oracle


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_error_loss_and_confusion_are_those_of_the_textbook(activation: str, backend: Backend) -> None:
    x, y = validation("float64")
    model = init_weights(LAYERS, init="he", seed=1, dtype="float64")
    result = evaluate(model, x, y, LAYERS, activation=activation, backend=backend)
    oracle = Oracle(TrainSettings(LAYERS, activation=activation))
    assert result.loss == pytest.approx(oracle.loss_and_gradient(model, x, y)[0] / len(x), rel=1e-12)
    assert result.confusion.sum(axis=1).tolist() == np.bincount(y).tolist()
    assert result.error == pytest.approx(1 - np.trace(result.confusion) / len(x))


def test_ties_go_to_the_lowest_class(backend: Backend) -> None:
    x, y = validation("float32")
    model = init_weights(LAYERS, init="zeros", seed=1, dtype="float32")
    result = evaluate(model, x, y, LAYERS, activation="relu", backend=backend)
    assert result.confusion[:, 0].sum() == len(x)
    assert result.loss == pytest.approx(np.log(26))


@pytest.mark.parametrize("layers", [(16, 2_000_000, 2), (16, 50_000, 26)], ids=["2 million hidden units", "many rows"])
def test_memory_stays_bounded_however_wide_the_layers(layers: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    n_rows = 12 if layers[1] > 100_000 else 1000
    x, y = rng.integers(0, 16, size=(n_rows, 16)).astype(np.uint8), rng.integers(2, size=n_rows)
    model = init_weights(layers, init="uniform", seed=1, dtype="float32")
    tracemalloc.start()
    evaluate(model, x, y, layers, activation="relu", backend=NumpyBackend())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6


def test_a_diverged_model_has_loss_nan_and_raises_nothing(cpu_backend: Backend) -> None:
    x, y = validation("float32")
    model = np.full(1058, np.inf, np.float32)
    assert np.isnan(evaluate(model, x, y, LAYERS, activation="relu", backend=cpu_backend).loss)


def test_labels_of_one_byte_do_not_overflow_the_confusion(cpu_backend: Backend) -> None:
    x, y = validation("float32")
    model = init_weights(LAYERS, init="he", seed=1, dtype="float32")
    small, wide = (
        evaluate(model, x, labels, LAYERS, activation="relu", backend=cpu_backend) for labels in (y.astype(np.uint8), y)
    )
    assert small.confusion.tolist() == wide.confusion.tolist()


def test_so_many_classes_that_nobody_reads_it_leave_the_confusion_out() -> None:
    model = init_weights((2, 5000), init="he", seed=1, dtype="float32")
    result = evaluate(model, np.ones((3, 2)), np.array([0, 1, 2]), (2, 5000), activation="relu")
    assert result.confusion.shape == (0, 0)
    assert 0 <= result.error <= 1


@pytest.mark.parametrize(
    ("n_weights", "columns", "label", "what"),
    [
        (1057, 16, 0, "model must have 1058 weights"),
        (1058, 15, 0, r"x must have shape \(rows, 16\)"),
        (1058, 16, 26, "y must hold classes 0..25, not 26..26"),
        (1058, 16, -1, "y must hold classes 0..25"),
    ],
)
def test_what_does_not_fit_is_named(n_weights: int, columns: int, label: int, what: str) -> None:
    x, y = np.ones((1, columns)), np.array([label])
    with pytest.raises(ValueError, match=what):
        evaluate(np.zeros(n_weights, np.float32), x, y, LAYERS, activation="relu")
