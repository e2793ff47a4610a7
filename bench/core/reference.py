"""The answer: a work in plain float64 NumPy, as one writes it down; its delta is what others are checked against."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.works import WORKS, Ints, Work
from mlcore.mlp import layer_views

Vector = NDArray[np.float64]


def train(work: Work) -> Vector:
    """Run the work once; return the trained weights, flat."""
    x, y = work.rows_and_classes
    x64 = x.astype(np.float64)
    weights: Vector = work.model.astype(np.float64)
    step = {"gd": _descent, "sgd": _momentum, "adam": _adam}[work.settings.optimizer]
    state = (np.zeros_like(weights), np.zeros_like(weights))
    n_steps = 0
    for order in work.orders():
        for start in range(0, work.rows, work.batch):
            rows = order[start : start + work.batch]
            n_steps += 1
            step(work, weights, gradient(work.settings.layers, weights, x64[rows], y[rows]), state, n_steps)
    return weights


def gradient(layers: Sequence[int], weights: Vector, x: Vector, y: Ints) -> Vector:
    """The gradient of the cross-entropy, summed over the rows of `x` (rows, inputs)."""
    matrices = layer_views(weights, layers)
    inputs = [x]
    for matrix in matrices[:-1]:
        inputs.append(np.maximum(inputs[-1] @ matrix[:, :-1].T + matrix[:, -1], 0.0))
    logits = inputs[-1] @ matrices[-1][:, :-1].T + matrices[-1][:, -1]
    d = np.exp(logits - logits.max(axis=1, keepdims=True))
    d /= d.sum(axis=1, keepdims=True)
    d[np.arange(len(y)), y] -= 1.0
    parts: list[Vector] = []
    for layer in range(len(matrices) - 1, -1, -1):
        parts.append(np.column_stack([d.T @ inputs[layer], d.sum(axis=0)]).ravel())
        if layer:
            d = (d @ matrices[layer][:, :-1]) * (inputs[layer] > 0)
    return np.concatenate(parts[::-1])


State = tuple[Vector, Vector]


def _descent(work: Work, weights: Vector, summed: Vector, state: State, n_steps: int) -> None:
    weights -= work.settings.eta * summed


def _momentum(work: Work, weights: Vector, summed: Vector, state: State, n_steps: int) -> None:
    velocity = state[0]
    velocity *= work.settings.momentum
    velocity += work.settings.eta / work.batch * summed
    weights -= velocity


def _adam(work: Work, weights: Vector, summed: Vector, state: State, n_steps: int) -> None:
    """Kingma and Ba 2015, algorithm 1."""
    first, second = state
    mean = summed / work.batch
    first += 0.1 * (mean - first)
    second += 0.001 * (mean * mean - second)
    root = np.sqrt(second / (1 - 0.999**n_steps)) + 1e-8
    weights -= work.settings.eta / (1 - 0.9**n_steps) * first / root


def write(work_name: str, file: Path) -> None:
    """Keep the trained weights in a file."""
    np.save(file, train(WORKS[work_name]))


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
