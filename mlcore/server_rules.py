"""The server optimizers: how each turns the mean delta of a round into the step of the global model.

The adaptive ones are those of Reddi et al. (2021), "Adaptive Federated Optimization", algorithm 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlcore.kernels.backend import FloatArray

MOMENTUM = 0.9  # of nesterov (Douillard et al. 2023, section 3.1) and fedavgm (Hsu et al. 2019, section 4.3)
BETA_1 = 0.9
BETA_2 = 0.99
TAU = 1e-3  # how adaptive: what is added to the root of the second moment

# Called with the mean delta (n,), which becomes the step; the memory (rows, n), changed in place; and eta.
MakeStep = Callable[[FloatArray, FloatArray, float], None]


class Rule(NamedTuple):
    """One server optimizer.

    Attributes:
        make_step: elementwise, so that it may be called piece by piece.
        eta: its learning rate unless the run says otherwise.
        start: what each vector that it keeps from round to round is full of before the first.
    """

    make_step: MakeStep
    eta: float
    start: tuple[float, ...] = ()


def _fedavg(delta: FloatArray, memory: FloatArray, eta: float) -> None:
    if eta != 1.0:
        delta *= eta


def _fedavgm(delta: FloatArray, memory: FloatArray, eta: float) -> None:
    (velocity,) = memory
    velocity *= MOMENTUM
    velocity += delta
    np.multiply(velocity, eta, out=delta)


def _nesterov(delta: FloatArray, memory: FloatArray, eta: float) -> None:
    (velocity,) = memory
    velocity *= MOMENTUM
    velocity += delta
    delta += MOMENTUM * velocity
    delta *= eta


def _fedadam(delta: FloatArray, memory: FloatArray, eta: float) -> None:
    first, second = memory
    _blend(first, delta, BETA_1)
    _blend(second, delta * delta, BETA_2)
    _scaled(first, second, eta, delta)


def _fedyogi(delta: FloatArray, memory: FloatArray, eta: float) -> None:
    first, second = memory
    square = delta * delta
    _blend(first, delta, BETA_1)
    second -= (1.0 - BETA_2) * square * np.sign(second - square)
    _scaled(first, second, eta, delta)


def _blend(old: FloatArray, new: FloatArray, keep: float) -> None:
    old *= keep
    old += (1.0 - keep) * new


def _scaled(first: FloatArray, second: FloatArray, eta: float, step: FloatArray) -> None:
    np.sqrt(second, out=step)
    step += TAU
    np.divide(first, step, out=step)
    step *= eta


_ADAPTIVE_START = (0.0, TAU * TAU)

RULES = {
    "fedavg": Rule(_fedavg, eta=1.0),
    "fedavgm": Rule(_fedavgm, eta=1.0, start=(0.0,)),
    "nesterov": Rule(_nesterov, eta=0.7, start=(0.0,)),
    "fedadam": Rule(_fedadam, eta=0.1, start=_ADAPTIVE_START),
    "fedyogi": Rule(_fedyogi, eta=0.1, start=_ADAPTIVE_START),
}
SERVER_OPTIMIZERS = tuple(RULES)
