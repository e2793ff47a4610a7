"""Every backend computes what the formulas say, keeps NaN, and agrees with NumPy's."""

from itertools import product

import numpy as np
import pytest

from mlcore.kernels import Backend
from mlcore.kernels.backend import Batch
from mlcore.kernels.numpy_backend import NumpyBackend

REACH = {"float32": 1e-5, "float64": 1e-13}


def draw(seed: int, *shape: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def on_device(backend: Backend, *arrays: np.ndarray) -> list[np.ndarray]:
    return [backend.from_host(array.copy()) for array in arrays]


def in_both_layouts(backend: Backend, matrix: np.ndarray) -> list[np.ndarray]:
    """The matrix with contiguous rows, and with contiguous columns."""
    rows, columns = on_device(backend, matrix, np.ascontiguousarray(matrix.T))
    return [rows, columns.T]


def same(backend: Backend, result: np.ndarray, expected: np.ndarray) -> None:
    reach = REACH[expected.dtype.name]
    np.testing.assert_allclose(backend.to_host(result), expected, rtol=reach, atol=reach)


@pytest.mark.parametrize("dtype", REACH)
def test_a_batch_has_the_chosen_rows_in_both_layouts(backend: Backend, dtype: str) -> None:
    x, y = draw(1, 50, 16, dtype=dtype), np.arange(50)
    order = np.random.default_rng(2).permutation(50)[:20]
    ones = np.ones((20, 17), dtype), np.ones((17, 20), dtype), np.zeros(20, np.int64)
    batch = Batch(*on_device(backend, *ones))
    their_x, their_y, their_order = on_device(backend, x, y, order)
    backend.take_batch(their_x, their_y, their_order, batch)
    expected = np.column_stack([x[order], np.ones(20)]).astype(dtype)
    for ours, theirs in zip(batch, (expected, expected.T, y[order]), strict=True):
        np.testing.assert_array_equal(backend.to_host(ours), theirs)


@pytest.mark.parametrize(("kind", "dtype"), list(product(["relu", "tanh"], REACH)))
def test_activations_and_their_gradients(backend: Backend, kind: str, dtype: str) -> None:
    z, d = draw(1, 13, 37, dtype=dtype), draw(2, 13, 37, dtype=dtype)
    ours, slopes = on_device(backend, z, d)
    backend.activate(ours, kind)
    a = np.tanh(z) if kind == "tanh" else np.maximum(z, 0)
    same(backend, ours, a)
    backend.activation_gradient(slopes, ours, kind)
    same(backend, slopes, d * (1 - a * a if kind == "tanh" else a > 0))


@pytest.mark.parametrize("dtype", REACH)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("spread", [1.0, 500.0], ids=["small logits", "logits beyond exp"])
def test_softmax_cross_entropy(backend: Backend, dtype: str, smoothing: float, spread: float) -> None:
    z = (draw(3, 26, 130, dtype=dtype) * spread).astype(dtype)
    y = np.random.default_rng(4).integers(26, size=130)
    exact = z.astype(np.float64) - z.max(axis=0)
    log_softmax = exact - np.log(np.exp(exact).sum(axis=0))
    target = np.eye(26)[y].T * (1 - smoothing) + smoothing / 26
    ours, labels, loss = on_device(backend, z, y, np.array([7.0]))
    backend.softmax_cross_entropy(ours, labels, loss, scale=0.5, smoothing=smoothing)
    same(backend, ours, (0.5 * (np.exp(log_softmax) - target)).astype(dtype))
    expected_loss = 7 - (target * log_softmax).sum()
    assert backend.to_host(loss)[0] == pytest.approx(expected_loss, rel=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", REACH)
@pytest.mark.parametrize("sizes", [(26, 128, 257), (24, 1600, 17), (3, 7, 1), (200, 600, 300)])
@pytest.mark.parametrize("keep", [0.0, 0.9])
def test_a_product_keeps_a_share_of_what_was_there(
    backend: Backend, sizes: tuple[int, int, int], keep: float, dtype: str
) -> None:
    m, k, n = sizes
    a, b = draw(1, m, k, dtype=dtype), draw(2, k, n, dtype=dtype)
    before = draw(3, m, n, dtype=dtype) if keep else np.full((m, n), np.nan, dtype)
    expected = keep * np.nan_to_num(before) + a.astype(np.float64) @ b
    for first, second in product(in_both_layouts(backend, a), in_both_layouts(backend, b)):
        out = on_device(backend, before)[0]
        backend.matmul(first, second, out, keep=keep)
        np.testing.assert_allclose(backend.to_host(out), expected, rtol=0, atol=REACH[dtype] * k)


@pytest.mark.parametrize("dtype", REACH)
def test_optimizer_steps(backend: Backend, dtype: str) -> None:
    vectors = [draw(seed, 70_001, dtype=dtype) for seed in range(3)]
    w, g, v = vectors
    ours = on_device(backend, w, g, v)
    backend.momentum_step(*ours, momentum=0.9)
    moved = (0.9 * v + g).astype(dtype)
    same(backend, ours[2], moved)
    same(backend, ours[0], w - moved)
    ours = on_device(backend, w, g)
    backend.subtract(*ours)
    same(backend, ours[0], w - g)
    ours = on_device(backend, w, g, v, np.abs(v))
    theirs = on_device(NumpyBackend(), w, g, v, np.abs(v))
    backend.adam_step(*ours, eta=0.01, step=3)
    NumpyBackend().adam_step(*theirs, eta=0.01, step=3)
    same(backend, ours[0], theirs[0])


def test_nan_is_never_lost(backend: Backend) -> None:
    z = draw(1, 5, 8, dtype="float32")
    z[2, 3] = np.nan
    ours, labels, loss = on_device(backend, z, np.zeros(8, np.int64), np.zeros(1))
    backend.activate(ours, "relu")
    assert np.isnan(backend.to_host(ours)[2, 3])
    backend.softmax_cross_entropy(ours, labels, loss, scale=1.0, smoothing=0.0)
    assert np.isnan(backend.to_host(loss)[0])
