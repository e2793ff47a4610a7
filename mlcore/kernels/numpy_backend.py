"""The backend that is always there: NumPy and its BLAS on the host."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from mlcore.kernels.adam import BETA_1, BETA_2, folded_constants
from mlcore.kernels.backend import Array, Batch, FloatArray, IntArray
from mlcore.kernels.products import multiply, multiply_and_add
from mlcore.kernels.threads import share

_CACHE_LINE = 64
_CHUNK = 32_768  # elements per pass: four float32 streams of them stay in a 1 MiB L2 cache
_LONG = 2**18  # elements of a vector: a pass over fewer is over before another thread has woken up
# A scalar 0 would keep np.maximum from its SIMD loop.
_ZEROS = {dtype: np.zeros(_CHUNK, dtype) for dtype in (np.float32, np.float64)}
_SAFE_LOGIT = 60.0  # exp(60) times any number of classes is far from overflow, also in float32


class NumpyBackend:
    """Plain NumPy; every array a caller passes is an ndarray."""

    name = "numpy"

    def empty(self, shape: Sequence[int], dtype: str) -> Array:
        # Aligned, because AVX-512 loads that cross cache lines cost up to half the speed, and because SIMD
        # tails then fall on the same elements whatever the allocator had to give.
        size = prod(shape) * np.dtype(dtype).itemsize
        block = np.empty(size + _CACHE_LINE, np.uint8)
        start = -block.ctypes.data % _CACHE_LINE
        return block[start : start + size].view(dtype).reshape(tuple(shape))

    def from_host(self, array: Array) -> Array:
        return array

    def to_host(self, array: Array) -> Array:
        return array

    def hold(self, array: Array) -> Array:
        return array

    def take_batch(self, x: FloatArray, y: IntArray, order: IntArray, batch: Batch) -> None:
        rows = x.take(order, axis=0)
        batch.by_row[:, :-1] = rows
        batch.by_feature[:-1] = rows.T
        # mode="clip" lets take() write into `out` without a copy; the order holds only valid rows.
        y.take(order, out=batch.classes, mode="clip")

    def matmul(self, a: FloatArray, b: FloatArray, out: FloatArray, *, keep: float = 0.0) -> None:
        if keep:
            multiply_and_add(a, b, out, keep=keep)
        else:
            multiply(a, b, out)

    def activate(self, z: FloatArray, kind: str) -> None:
        if kind == "relu":
            flat = z.reshape(-1)
            for chunk in _chunks(slice(0, flat.size)):
                part = flat[chunk]
                np.maximum(part, _ZEROS[z.dtype.type][: len(part)], out=part)
        else:
            np.tanh(z, out=z)

    def activation_gradient(self, d: FloatArray, a: FloatArray, kind: str) -> None:
        if kind == "relu":
            d *= a > 0
        else:
            d *= 1 - a * a

    def softmax_cross_entropy(
        self, z: FloatArray, y: IntArray, loss: FloatArray, *, scale: float, smoothing: float
    ) -> None:
        n_classes, n_rows = z.shape
        flat = z.reshape(-1)
        # Ufuncs' own reductions: on small batches the methods of arrays cost more than the arithmetic.
        if not (np.maximum.reduce(flat) < _SAFE_LOGIT and np.minimum.reduce(flat) > -_SAFE_LOGIT):
            z -= z.max(axis=0)
        own = y * n_rows
        own += _row_numbers(n_rows)  # where each row's own class lies in `flat`
        picked = flat[own]
        if smoothing:
            picked *= 1.0 - smoothing
            picked += np.add.reduce(z, axis=0) * (smoothing / n_classes)
        np.exp(z, out=z)
        total = _ones(n_classes, z.dtype) @ z
        loss += np.add.reduce(np.log(total) - picked, dtype=np.float64)
        np.divide(scale, total, out=total)
        z *= total
        if smoothing:
            z -= scale * smoothing / n_classes
        flat[own] -= scale * (1.0 - smoothing)

    def subtract(self, w: FloatArray, g: FloatArray) -> None:
        in_shares(lambda part: np.subtract(w[part], g[part], out=w[part]), len(w))

    def momentum_step(self, w: FloatArray, g: FloatArray, v: FloatArray, *, momentum: float) -> None:
        v *= momentum
        v += g
        w -= v

    def adam_step(self, w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, *, eta: float, step: int) -> None:
        rate, epsilon = folded_constants(eta, step)

        def move(part: slice) -> None:
            for chunk in _chunks(part):
                _adam_chunk(w[chunk], g[chunk], m[chunk], v[chunk], rate, epsilon)

        in_shares(move, len(w))


@lru_cache
def _ones(n: int, dtype: np.dtype[Any]) -> FloatArray:
    return np.ones(n, dtype)


@lru_cache
def _row_numbers(n_rows: int) -> IntArray:
    return np.arange(n_rows)


def in_shares(work: Callable[[slice], object], length: int) -> None:
    """Call `work` with slices that make up `range(length)`, elements of vectors, in several threads if that pays."""
    if length < _LONG:
        work(slice(0, length))
    else:
        share(work, length)


def _chunks(part: slice) -> Iterator[slice]:
    """Yield pieces of `part` that fit the cache."""
    for start in range(part.start, part.stop, _CHUNK):
        yield slice(start, min(start + _CHUNK, part.stop))


def _adam_chunk(w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, rate: float, epsilon: float) -> None:
    m *= BETA_1
    m += g
    v *= BETA_2
    g *= g
    v += g
    np.sqrt(v, out=g)
    g += epsilon
    np.divide(m, g, out=g)
    g *= rate
    w -= g
