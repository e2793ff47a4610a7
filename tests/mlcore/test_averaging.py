"""The next global model from the sum of a round's deltas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlcore.averaging import ServerOptimizer, chunks
from mlcore.kernels.backend import FloatArray
from mlcore.server_rules import BETA_1, BETA_2, MOMENTUM, SERVER_OPTIMIZERS, TAU

MODEL = np.array([1.0, 2.0, -1.0])

Vector = NDArray[np.float64]


def test_fedavg_adds_the_mean_and_leaves_the_old_model_alone() -> None:
    model, total = MODEL.copy(), np.array([4.0, 0.0, 8.0])
    found = ServerOptimizer("fedavg").apply(model, total, 4)
    assert found.tolist() == [2.0, 2.0, 1.0]
    assert found is total and model.tolist() == MODEL.tolist()


def oracle(kind: str, deltas: list[Vector], eta: float) -> Vector:
    """Where the optimizer moves a model from 0, as its paper writes it."""
    w, velocity = np.zeros_like(deltas[0]), np.zeros_like(deltas[0])
    v = np.full_like(w, TAU**2)
    for delta in deltas:
        if kind == "fedavg":
            w = w + eta * delta
        elif kind == "fedavgm":
            velocity = MOMENTUM * velocity + delta
            w = w + eta * velocity
        elif kind == "nesterov":
            velocity = MOMENTUM * velocity + delta
            w = w + eta * (delta + MOMENTUM * velocity)
        else:
            velocity = BETA_1 * velocity + (1 - BETA_1) * delta
            if kind == "fedadam":
                v = BETA_2 * v + (1 - BETA_2) * delta**2
            else:
                v = v - (1 - BETA_2) * delta**2 * np.sign(v - delta**2)
            w = w + eta * velocity / (np.sqrt(v) + TAU)
    return w


def deltas(n_rounds: int, size: int, seed: int = 1) -> list[Vector]:
    return list(np.random.default_rng(seed).standard_normal((n_rounds, size)))


@pytest.mark.parametrize("kind", SERVER_OPTIMIZERS)
@pytest.mark.parametrize(("dtype", "reach"), [("float64", 1e-13), ("float32", 1e-5)])
def test_every_optimizer_moves_as_its_paper_says(kind: str, dtype: str, reach: float) -> None:
    size = 70_000  # more than one piece
    optimizer = ServerOptimizer(kind, 0.3)
    model: FloatArray = np.zeros(size, dtype)
    for delta in deltas(5, size):
        model = optimizer.apply(model, (4 * delta).astype(dtype), 4)
    assert model.dtype == dtype
    np.testing.assert_allclose(model, oracle(kind, deltas(5, size), 0.3), rtol=reach, atol=10 * reach)


@pytest.mark.parametrize(
    ("kind", "eta"), [("fedavg", 1.0), ("fedavgm", 1.0), ("nesterov", 0.7), ("fedadam", 0.1), ("fedyogi", 0.1)]
)
def test_every_optimizer_has_an_eta_of_its_own(kind: str, eta: float) -> None:
    (delta,) = deltas(1, 10)
    usual = ServerOptimizer(kind).apply(np.zeros(10), delta.copy(), 1)
    assert usual.tobytes() == ServerOptimizer(kind, eta).apply(np.zeros(10), delta.copy(), 1).tobytes()


@pytest.mark.parametrize("kind", SERVER_OPTIMIZERS)
def test_an_optimizer_that_gets_its_state_back_goes_on_with_the_same_bits(kind: str) -> None:
    first = ServerOptimizer(kind)
    model: FloatArray = np.zeros(100)
    for delta in deltas(2, 100):
        model = first.apply(model, delta, 1)
    second = ServerOptimizer(kind)
    second.state = first.state
    kept = None if first.state is None else first.state.tobytes()
    (delta,) = deltas(1, 100, seed=2)
    found = second.apply(model, delta.copy(), 1)
    assert found.tobytes() == first.apply(model, delta.copy(), 1).tobytes()
    assert kept is None or (second.state is not None and second.state.tobytes() != kept)


@pytest.mark.parametrize(("kind", "vectors"), list(zip(SERVER_OPTIMIZERS, (0, 1, 1, 2, 2), strict=True)))
def test_every_round_makes_a_new_flat_state(kind: str, vectors: int) -> None:
    optimizer, states = ServerOptimizer(kind), []
    for delta in deltas(2, 100):
        optimizer.apply(np.zeros(100, "float32"), delta.astype("float32"), 1)
        states.append(optimizer.state)
    if not vectors:
        assert states == [None, None]
        return
    first, second = states
    assert first is not None and second is not None
    assert first.shape == second.shape == (100 * vectors,)
    assert first.dtype == second.dtype == np.float32
    assert not np.shares_memory(first, second)


@given(st.sampled_from(["fedadam", "fedyogi"]), st.floats(-6, 6))
def test_an_adaptive_step_hardly_depends_on_the_scale_of_the_deltas(kind: str, exponent: float) -> None:
    optimizer = ServerOptimizer(kind, 0.1)
    model: FloatArray = np.zeros(1)
    for _ in range(20):
        before, model = model, optimizer.apply(model, np.array([10.0**exponent]), 1)
        assert 0 < model[0] - before[0] <= 0.1 * 10 * (1 + 1e-12)


def test_a_model_that_is_not_finite_is_an_error() -> None:
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="eta"):
        ServerOptimizer("fedavg").apply(np.full(3, 1e308), np.full(3, 1e308), 1)


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(ValueError, match=r"fedavg, fedavgm, nesterov, fedadam, fedyogi, not 'fedprox'"):
        ServerOptimizer("fedprox")


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, 1_000_000])
def test_chunks_cover_everything_once(size: int) -> None:
    covered = [index for part in chunks(size) for index in (part.start, part.stop)]
    assert sum(part.stop - part.start for part in chunks(size)) == size
    assert covered == sorted(covered)
