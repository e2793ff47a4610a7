"""NumPy's backend with the elementwise work fused into compiled loops (the extra `fast`).

BLAS stays NumPy's, and with it whatever is left to its own vectorized functions.
"""

import numpy as np

from mlcore.kernels.adam import BETA_1, BETA_2, folded_constants
from mlcore.kernels.backend import Batch, FloatArray, IntArray
from mlcore.kernels.compiled import compiled
from mlcore.kernels.numpy_backend import NumpyBackend, in_shares
from mlcore.kernels.softmax_loop import softmax_cross_entropy


class NumbaBackend(NumpyBackend):
    """Six of NumPy's operations in one pass each over their arrays."""

    name = "numba"

    def take_batch(self, x: FloatArray, y: IntArray, order: IntArray, batch: Batch) -> None:
        _take_batch(x, y, order, *batch)

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
        if z.dtype == np.float32:
            softmax_cross_entropy(z, y, loss, scale, smoothing)
        else:
            super().softmax_cross_entropy(z, y, loss, scale=scale, smoothing=smoothing)

    def momentum_step(self, w: FloatArray, g: FloatArray, v: FloatArray, *, momentum: float) -> None:
        _momentum(w, g, v, momentum)

    def adam_step(self, w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, *, eta: float, step: int) -> None:
        constants = folded_constants(eta, step)

        def move(part: slice) -> None:
            _adam(w[part], g[part], m[part], v[part], constants)

        in_shares(move, len(w))


@compiled
def _take_batch(
    x: FloatArray, y: IntArray, order: IntArray, by_row: FloatArray, by_feature: FloatArray, classes: IntArray
) -> None:
    for r in range(order.size):
        row, copy = x[order[r]], by_row[r]  # slices of one dimension are what the compiler vectorizes
        for c in range(row.size):
            copy[c] = row[c]
        classes[r] = y[order[r]]
    for c in range(x.shape[1]):
        feature = by_feature[c]
        for r in range(order.size):
            feature[r] = by_row[r, c]


@compiled
def _relu(z: FloatArray) -> None:
    zero = z.dtype.type(0)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = zero if z[i, j] < zero else z[i, j]


@compiled
def _relu_gradient(d: FloatArray, a: FloatArray) -> None:
    zero = d.dtype.type(0)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            d[i, j] = d[i, j] if a[i, j] > zero else zero


@compiled
def _tanh_gradient(d: FloatArray, a: FloatArray) -> None:
    one = d.dtype.type(1)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            d[i, j] *= one - a[i, j] * a[i, j]


@compiled
def _momentum(w: FloatArray, g: FloatArray, v: FloatArray, momentum: float) -> None:
    share = w.dtype.type(momentum)  # a float64 factor would make a float32 loop compute in float64
    for i in range(w.size):
        v[i] = share * v[i] + g[i]
        w[i] -= v[i]


@compiled
def _adam(w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, constants: tuple[float, float]) -> None:
    real = w.dtype.type
    beta_1, beta_2 = real(BETA_1), real(BETA_2)
    rate, epsilon = real(constants[0]), real(constants[1])
    for i in range(w.size):
        m[i] = beta_1 * m[i] + g[i]
        v[i] = beta_2 * v[i] + g[i] * g[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) + epsilon)
