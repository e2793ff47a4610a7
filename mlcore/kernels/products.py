"""Matrix products of middling size, computed in parts that are small enough for OpenBLAS's code without packing."""

from math import ceil

import numpy as np

from mlcore.kernels.backend import FloatArray
from mlcore.kernels.threads import share

# OpenBLAS multiplies up to this many (m * n * k) without first copying the factors into panels. Above it, copying
# takes half of the time until the product is several times as large. Measured on AVX-512: 1.3 to 2.1 times as fast.
_WITHOUT_PACKING = 1_000_000
_MOST_PARTS = 8
_WORTH_SHARING = 32  # parts, each of some 10 us
_FLAT = 4  # rows are contiguous in all that is written: only much wider results are split by columns
_LANES = 16  # float32 numbers in a vector: parts of whole vectors have no slow edges
_SHORT = 512


def multiply(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """Write `a @ b` into `out`, (m, n); how it is split depends on nothing but the shapes and the threads."""
    n_parts = _n_parts(a, b)
    if n_parts == 1:
        np.matmul(a, b, out=out)
        return
    by_rows = len(out) * _FLAT > out.shape[1]
    length = out.shape[not by_rows]

    def product(part: slice) -> None:
        if by_rows:
            np.matmul(a[part], b, out=out[part])
        else:
            np.matmul(a, b[:, part], out=out[:, part])

    if n_parts >= _WORTH_SHARING:
        share(product, length)
    else:
        for part in _parts(length, n_parts if n_parts <= _MOST_PARTS else 1):
            product(part)


def multiply_by_transposed(d: FloatArray, a: FloatArray, out: FloatArray) -> None:
    """Write `d @ a.T` into `out`."""
    n_units, n_rows = d.shape
    # Short dot products are the slowest way to multiply; another layout of the smaller factor avoids them.
    if n_rows < _SHORT and n_units * 8 <= len(a) and _n_parts(d, a.T) <= _MOST_PARTS:
        d = np.ascontiguousarray(d.T).T
    multiply(d, a.T, out)


def _n_parts(a: FloatArray, b: FloatArray) -> int:
    """Return how many parts are small enough."""
    size: int = a.size * b.shape[1]
    return -(-size // _WITHOUT_PACKING)


def _parts(length: int, n_parts: int) -> list[slice]:
    """Cut range(length) into at most `n_parts` pieces of whole vectors, if that is not too coarse."""
    step = ceil(length / n_parts)
    if step > _LANES:
        step = ceil(step / _LANES) * _LANES
    return [slice(start, start + step) for start in range(0, length, step)]
