"""JAX: one compiled function per task, a scan over the batches inside a loop over the epochs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.core.works import Floats, Work


def prepare(work: Work, threads: int) -> Callable[[], Floats]:
    x, y = (jax.device_put(each) for each in work.rows_and_classes)
    start = jax.device_put(work.model)
    trained = jax.jit(_training(work))

    def train() -> Floats:
        return np.asarray(trained(start, x, y, np.stack(work.orders())))

    return train


def _training(work: Work) -> Callable[..., Any]:
    settings = work.settings
    step = {"gd": _descent, "sgd": _momentum, "adam": _adam}[settings.optimizer]

    def one_step(state: Any, batch: Any) -> tuple[Any, None]:
        weights, first, second, n_steps = state
        gradients = jax.grad(_loss)(weights, *batch, settings.layers)
        return step(work, weights, gradients, first, second, n_steps + 1), None

    def one_epoch(state: Any, order: Any, x: Any, y: Any) -> Any:
        if work.batch == work.rows:
            return one_step(state, (x, y))[0]
        batches = x[order].reshape(-1, work.batch, x.shape[1]), y[order].reshape(-1, work.batch)
        return jax.lax.scan(one_step, state, batches)[0]

    def training(start: Any, x: Any, y: Any, orders: Any) -> Any:
        weights = _matrices(start, settings.layers)
        zeros = jax.tree.map(jnp.zeros_like, weights)
        state = (weights, zeros, zeros, 0)
        state = jax.lax.fori_loop(0, settings.epochs, lambda i, state: one_epoch(state, orders[i], x, y), state)
        return jnp.concatenate([jnp.column_stack([w.T, b]).ravel() for w, b in state[0]])

    return training


def _matrices(flat: Any, layers: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """The flat vector as weights (inputs, units) and biases, as JAX programs hold them."""
    matrices = []
    start = 0
    for below, above in pairwise(layers):
        end = start + above * (below + 1)
        matrix = flat[start:end].reshape(above, below + 1)
        matrices.append((matrix[:, :-1].T, matrix[:, -1]))
        start = end
    return matrices


def _loss(weights: Any, x: Any, y: Any, layers: tuple[int, ...]) -> Any:
    """Cross-entropy summed over the rows."""
    for w, b in weights[:-1]:
        x = jax.nn.relu(x @ w + b)
    logits = jax.nn.log_softmax(x @ weights[-1][0] + weights[-1][1])
    return -jnp.take_along_axis(logits, y[:, None], axis=1).sum()


def _descent(work: Work, weights: Any, summed: Any, first: Any, second: Any, n_steps: Any) -> Any:
    return jax.tree.map(lambda w, g: w - work.settings.eta * g, weights, summed), first, second, n_steps


def _momentum(work: Work, weights: Any, summed: Any, first: Any, second: Any, n_steps: Any) -> Any:
    rate = work.settings.eta / work.batch
    first = jax.tree.map(lambda v, g: work.settings.momentum * v + rate * g, first, summed)
    return jax.tree.map(lambda w, v: w - v, weights, first), first, second, n_steps


def _adam(work: Work, weights: Any, summed: Any, first: Any, second: Any, n_steps: Any) -> Any:
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 / work.batch * g, first, summed)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * jnp.square(g / work.batch), second, summed)
    rate, correction = work.settings.eta / (1 - 0.9**n_steps), 1 - 0.999**n_steps
    moved = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v / correction) + 1e-8), weights, first, second)
    return moved, first, second, n_steps
