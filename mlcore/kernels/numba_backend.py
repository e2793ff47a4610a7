"""NumPy's backend with the elementwise work fused into compiled loops (the extra `fast`).

BLAS and exp stay NumPy's: its exp is vectorized and numba's is not. The loops release the GIL, keep NaN
(no fastmath: a comparison that is false for NaN must leave NaN in place) and are cached on disk.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from mlcore.kernels.adam import BETA_1, BETA_2, folded_constants
from mlcore.kernels.backend import FloatArray, IntArray
from mlcore.kernels.numpy_backend import NumpyBackend

Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile at the first call; numpy's error model lets divisions be vectorized."""
    return cast(Function, numba.njit(nogil=True, cache=True, error_model="numpy")(function))


class NumbaBackend(NumpyBackend):
    """Five of NumPy's operations in one pass each over their arrays."""

    name = "numba"

    def activate(self, z: FloatArray, kind: str) -> None:
        if kind == "relu":
            _relu(z)
        else:
            super().activate(z, kind)

    def activation_gradient(self, d: FloatArray, a: FloatArray, kind: str) -> None:
        if kind == "relu":
            _relu_gradient(d, a)
        else:
            _tanh_gradient(d, a)

    def softmax_cross_entropy(
        self, z: FloatArray, y: IntArray, loss: FloatArray, *, scale: float, smoothing: float
    ) -> None:
        picked = _shift_and_pick(z, y, smoothing)
        np.exp(z, out=z)
        total = np.add.reduce(z, axis=0)
        loss += np.log(total).sum(dtype=np.float64) - picked
        _softmax_gradient(z, y, total, scale, smoothing)

    def momentum_step(self, w: FloatArray, g: FloatArray, v: FloatArray, *, momentum: float) -> None:
        _momentum(w, g, v, momentum)

    def adam_step(self, w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, *, eta: float, step: int) -> None:
        _adam(w, g, m, v, folded_constants(eta, step))


@_compiled
def _relu(z: FloatArray) -> None:
    zero = z.dtype.type(0)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = zero if z[i, j] < zero else z[i, j]


@_compiled
def _relu_gradient(d: FloatArray, a: FloatArray) -> None:
    zero = d.dtype.type(0)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            d[i, j] = d[i, j] if a[i, j] > zero else zero


@_compiled
def _tanh_gradient(d: FloatArray, a: FloatArray) -> None:
    one = d.dtype.type(1)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            d[i, j] *= one - a[i, j] * a[i, j]


@_compiled
def _shift_and_pick(z: FloatArray, y: IntArray, smoothing: float) -> float:
    """Subtract each row's largest logit; return the summed logits weighted by the target."""
    n_classes, n_rows = z.shape
    top = z[0].copy()
    for c in range(1, n_classes):
        for r in range(n_rows):
            top[r] = z[c, r] if z[c, r] > top[r] else top[r]
    for c in range(n_classes):
        for r in range(n_rows):
            z[c, r] -= top[r]
    picked = 0.0
    for r in range(n_rows):
        picked += z[y[r], r]
    picked *= 1.0 - smoothing
    if smoothing > 0.0:
        everything = 0.0
        for c in range(n_classes):
            for r in range(n_rows):
                everything += z[c, r]
        picked += everything * (smoothing / n_classes)
    return picked


@_compiled
def _softmax_gradient(z: FloatArray, y: IntArray, total: FloatArray, scale: float, smoothing: float) -> None:
    """Turn exponentials into `scale * (softmax - target)`; `total` becomes scratch."""
    n_classes, n_rows = z.shape
    real = z.dtype.type
    spread = real(scale * smoothing / n_classes)
    own = real(scale * (1.0 - smoothing))
    for r in range(n_rows):
        total[r] = real(scale) / total[r]
    for c in range(n_classes):
        for r in range(n_rows):
            z[c, r] = z[c, r] * total[r] - spread
    for r in range(n_rows):
        z[y[r], r] -= own


@_compiled
def _momentum(w: FloatArray, g: FloatArray, v: FloatArray, momentum: float) -> None:
    share = w.dtype.type(momentum)  # a float64 factor would make a float32 loop compute in float64
    for i in range(w.size):
        v[i] = share * v[i] + g[i]
        w[i] -= v[i]


@_compiled
def _adam(w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, constants: tuple[float, float]) -> None:
    real = w.dtype.type
    beta_1, beta_2 = real(BETA_1), real(BETA_2)
    rate, epsilon = real(constants[0]), real(constants[1])
    for i in range(w.size):
        m[i] = beta_1 * m[i] + g[i]
        v[i] = beta_2 * v[i] + g[i] * g[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) + epsilon)
