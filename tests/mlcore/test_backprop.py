"""Gradients against finite differences."""

import numpy as np
import pytest

from mlcore.backprop import BackwardBuffers, Parameters
from mlcore.kernels import Backend
from mlcore.mlp import init_weights, layer_views, n_weights


def loss_and_gradient(
    backend: Backend, flat: np.ndarray, layers: tuple[int, ...], activation: str, smoothing: float
) -> tuple[float, np.ndarray]:
    """Return the summed loss of some fixed rows and its gradient by backpropagation."""
    rng = np.random.default_rng(0)
    n_rows = 7
    x = rng.standard_normal((n_rows, layers[0]))
    y = rng.integers(layers[-1], size=n_rows)
    gradient = backend.empty((n_weights(layers),), "float64")
    loss = backend.empty((1,), "float64")
    loss[...] = 0.0
    buffers = BackwardBuffers(backend, layers, n_rows, "float64")
    buffers.load(backend.from_host(x), backend.from_host(y), backend.from_host(np.arange(n_rows)))
    weights = layer_views(backend.from_host(flat.copy()), layers)
    parameters = Parameters(weights, layer_views(gradient, layers), loss)
    buffers.gradient(parameters, activation=activation, smoothing=smoothing, scale=1.0, keep=0.0)
    return float(backend.to_host(loss)[0]), backend.to_host(gradient).copy()


@pytest.mark.parametrize("layers", [(5, 4), (5, 6, 4), (3, 5, 6, 4), (3, 4, 5, 4, 3)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_is_the_slope_of_the_loss(
    backend: Backend, layers: tuple[int, ...], activation: str, smoothing: float
) -> None:
    flat = init_weights(layers, init="he", seed=2, dtype="float64")
    flat += 0.1 * np.random.default_rng(5).standard_normal(flat.shape)  # biases too
    _, gradient = loss_and_gradient(backend, flat, layers, activation, smoothing)
    step = 1e-6
    for index in range(len(flat)):
        nudge = np.zeros_like(flat)
        nudge[index] = step
        above, _ = loss_and_gradient(backend, flat + nudge, layers, activation, smoothing)
        below, _ = loss_and_gradient(backend, flat - nudge, layers, activation, smoothing)
        assert gradient[index] == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-7)
