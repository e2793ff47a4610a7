"""Softmax, cross-entropy and its gradient in float32, in one visit to memory; with an exponential of its own.

All in one file: numba's cache of a function does not notice that another file has changed.
"""

import numpy as np

from mlcore.kernels.backend import FloatArray, IntArray
from mlcore.kernels.compiled import compiled

_BLOCK = 256  # rows at a time: with some 30 classes their logits stay in the first cache
_LOGARITHMS = 16  # a product of so many sums, each 1 to the number of classes, is far from float64's end

_LOWEST = np.float32(-87.0)  # exp of less is too small to be a normal number
_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # few digits: multiples up to 2**8 are exact
_LN2_LOW = np.float32(-2.1219444e-4)
_ROUND = np.float32(1.5 * 2**23)  # added to a small number, this leaves the nearest integer in the low bits
_BITS_OF_ZERO = np.int32(0x4B400000 - 127)  # of the sum, less the bias of an exponent
_MANTISSA_BITS = np.int32(23)
_ONE = np.float32(1.0)
# (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2, highest power first: S. L. Moshier, Cephes, expf.
_C5, _C4, _C3, _C2, _C1, _C0 = (
    np.float32(c) for c in (1.9875691e-4, 1.3981999e-3, 8.3334519e-3, 4.1665796e-2, 1.6666665e-1, 5.0000001e-1)
)


@compiled
def exp_of_negative(x: np.float32) -> np.float32:
    """Return exp(x) for x <= 0, to 1.01 units in the last place; exp(-87) for less, NaN for NaN.

    The C library's may be better by half a unit, but cannot be vectorized: this takes 0.25 ns a number.
    """
    x = _LOWEST if x < _LOWEST else x
    rounded = x * _LOG2_E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = ((((_C5 * r + _C4) * r + _C3) * r + _C2) * r + _C1) * r + _C0
    power = np.int32(np.float32(rounded).view(np.int32) - _BITS_OF_ZERO)
    return (p * (r * r) + r + _ONE) * np.int32(power << _MANTISSA_BITS).view(np.float32)


@compiled
def softmax_cross_entropy(z: FloatArray, y: IntArray, loss: FloatArray, scale: float, smoothing: float) -> None:
    """What the backend's operation of that name says; `z` is C-contiguous."""
    n_classes, n_rows = z.shape
    flat = z.reshape(-1)  # slices of one dimension are what the compiler vectorizes
    top_block = np.empty(_BLOCK, np.float32)
    total_block = np.empty(_BLOCK, np.float32)
    for start in range(0, n_rows, _BLOCK):
        n = min(_BLOCK, n_rows - start)
        top, total = top_block[:n], total_block[:n]
        _largest(flat, start, n_rows, top)
        loss[0] -= _weighted_logits(flat, start, n_rows, y, top, smoothing)
        total[:] = 0
        for c in range(n_classes):
            row = c * n_rows + start
            _exponentials(flat[row : row + n], top, total)
        loss[0] += _sum_of_logarithms(total)
        spread = np.float32(scale * smoothing / n_classes)
        for r in range(n):
            total[r] = np.float32(scale) / total[r]
        for c in range(n_classes):
            row = c * n_rows + start
            _gradient(flat[row : row + n], total, spread)
        own = np.float32(scale * (1.0 - smoothing))
        for r in range(n):
            flat[y[start + r] * n_rows + start + r] -= own


@compiled
def _largest(flat: FloatArray, start: int, n_rows: int, top: FloatArray) -> None:
    n = top.size
    top[:] = flat[start : start + n]
    for at in range(start + n_rows, flat.size, n_rows):
        row = flat[at : at + n]
        for r in range(n):
            top[r] = row[r] if row[r] > top[r] else top[r]


@compiled
def _weighted_logits(
    flat: FloatArray, start: int, n_rows: int, y: IntArray, top: FloatArray, smoothing: float
) -> float:
    """Return the sum of a block's logits, less its rows' largest ones, weighted by the target."""
    own = 0.0
    for r in range(top.size):
        own += flat[y[start + r] * n_rows + start + r] - top[r]
    own *= 1.0 - smoothing
    if smoothing > 0.0:
        everything = 0.0
        for at in range(start, flat.size, n_rows):
            for r in range(top.size):
                everything += flat[at + r] - top[r]
        own += everything * smoothing * n_rows / flat.size
    return own


@compiled
def _exponentials(row: FloatArray, top: FloatArray, total: FloatArray) -> None:
    for r in range(row.size):
        e = exp_of_negative(row[r] - top[r])
        row[r] = e
        total[r] += e


@compiled
def _sum_of_logarithms(total: FloatArray) -> float:
    """The logarithm of a product costs as much as that of one number."""
    result, product = 0.0, 1.0
    for r in range(total.size):
        product *= total[r]
        if r % _LOGARITHMS == _LOGARITHMS - 1:
            result += np.log(product)
            product = 1.0
    return result + float(np.log(product))


@compiled
def _gradient(row: FloatArray, factor: FloatArray, spread: np.float32) -> None:
    for r in range(row.size):
        row[r] = row[r] * factor[r] - spread
