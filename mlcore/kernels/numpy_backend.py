"""The backend that is always there: NumPy and its BLAS on the host."""

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from mlcore.kernels.adam import BETA_1, BETA_2, folded_constants
from mlcore.kernels.backend import Array, FloatArray, IntArray

_CACHE_LINE = 64
_CHUNK = 32_768  # elements per pass: four float32 streams of them stay in a 1 MiB L2 cache
_TALL_ROWS = 512
_TALL_RATIO = 16  # products this tall spend their time packing panels; in parts they do not
_TALL_PARTS = 4
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

    def take_rows(self, source: Array, order: IntArray, out: Array) -> None:
        # mode="clip" lets take() write into `out` without a copy; the order holds only valid rows
        np.take(source, order, axis=0, out=out, mode="clip")

    def matmul(self, a: FloatArray, b: FloatArray, out: FloatArray) -> None:
        np.matmul(a, b, out=out)

    def weight_gradient(self, d: FloatArray, a: FloatArray, out: FloatArray) -> None:
        n_rows = d.shape[1]
        if n_rows < _TALL_ROWS or n_rows < _TALL_RATIO * max(d.shape[0], a.shape[0]):
            np.matmul(d, a.T, out=out)
            return
        part = n_rows // _TALL_PARTS
        parts = np.matmul(_in_parts(d, part), _in_parts(a, part).transpose(0, 2, 1))
        np.add.reduce(parts, axis=0, out=out)
        if rest := n_rows % _TALL_PARTS:
            out += d[:, -rest:] @ a[:, -rest:].T

    def activate(self, z: FloatArray, kind: str) -> None:
        if kind == "relu":
            for part in _parts(z):
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
        if not (z.max() < _SAFE_LOGIT and z.min() > -_SAFE_LOGIT):
            z -= z.max(axis=0)
        flat = z.reshape(-1)
        own = y * n_rows + np.arange(n_rows)  # where each row's own class lies in `flat`
        picked = flat[own].sum(dtype=np.float64) * (1.0 - smoothing)
        if smoothing:
            picked += z.sum(dtype=np.float64) * (smoothing / n_classes)
        np.exp(z, out=z)
        total = z.sum(axis=0)
        loss += np.log(total).sum(dtype=np.float64) - picked
        z *= scale / total
        if smoothing:
            z -= scale * smoothing / n_classes
        flat[own] -= scale * (1.0 - smoothing)

    def momentum_step(self, w: FloatArray, g: FloatArray, v: FloatArray, *, momentum: float) -> None:
        for start in range(0, len(w), _CHUNK):
            part = slice(start, start + _CHUNK)
            part_v = v[part]
            part_v *= momentum
            part_v += g[part]
            w[part] -= part_v

    def adam_step(self, w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, *, eta: float, step: int) -> None:
        rate, epsilon = folded_constants(eta, step)
        for start in range(0, len(w), _CHUNK):
            part = slice(start, start + _CHUNK)
            _adam_chunk(w[part], g[part], m[part], v[part], rate, epsilon)


def _in_parts(a: FloatArray, part: int) -> FloatArray:
    """Return `a` (units, rows) as (parts, units, `part`), without what is left over."""
    cut = a[:, : part * _TALL_PARTS].reshape(len(a), _TALL_PARTS, part)
    return cut.transpose(1, 0, 2)


def _parts(a: FloatArray) -> Iterator[FloatArray]:
    """Yield the elements of a contiguous array in flat pieces that fit the cache."""
    flat = a.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        yield flat[start : start + _CHUNK]


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
