"""Matrix products of middling size, computed in parts that are small enough for OpenBLAS's code without packing."""

from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np

from mlcore.kernels import blas
from mlcore.kernels.backend import FloatArray
from mlcore.kernels.threads import share

# OpenBLAS multiplies up to this many (m * n * k) without first copying the factors into panels. Above it, copying
# takes half of the time until the product is several times as large. Measured on AVX-512: 1.3 to 2.1 times as fast.
_WITHOUT_PACKING = 1_000_000
_DOTS_WITHOUT_PACKING = 1_200  # and up to this many results where the rows of both factors are what is multiplied
_MOST_PARTS = 8
_WORTH_SHARING = 32  # parts, each of some 10 us
_FLAT = 4  # rows are contiguous in all that is written: only much wider results are split by columns
_LANES = 16  # float32 numbers in a vector: parts of whole vectors have no slow edges
_SHORT = 200  # numbers in a dot product: the slowest way to multiply
_NARROW = 64  # rows or columns of a result; wider ones lose less to packing than to being cut
_LEAST_STEP = 4  # rows or columns of a part


class _Plan(NamedTuple):
    """How a product is cut: along rows or columns of its result, into parts of `step`, shared among threads or not."""

    by_rows: bool
    length: int
    step: int
    is_shared: bool


def multiply(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """Write `a @ b` into `out`, (m, n); how it is split depends on nothing but layout, shapes and threads."""
    (m, k), n = a.shape, b.shape[1]
    if not a.strides[1] == b.strides[0] == out.itemsize:
        _multiply(a, b, out, _plan(m, k, n))
        return
    if k < _SHORT and m * 8 <= n:
        a = np.ascontiguousarray(a.T).T  # another layout of the smaller factor avoids dot products
    _multiply(a, b, out, _plan_of_dots(m, k, n))


def multiply_and_add(a: FloatArray, b: FloatArray, out: FloatArray, *, keep: float) -> None:
    """Write `keep * out + a @ b` into `out`."""
    if _plan(*a.shape, b.shape[1]).is_shared and blas.can_add(out.dtype):
        share(lambda part: blas.add_product(a[part], b, out[part], keep=keep), len(out))
        return
    product = np.empty_like(out)
    multiply(a, b, product)
    out *= keep
    out += product


def _multiply(a: FloatArray, b: FloatArray, out: FloatArray, plan: _Plan) -> None:
    by_rows, length, step, is_shared = plan
    if step == length and not is_shared:
        np.matmul(a, b, out=out)
        return

    def product(whole: slice) -> None:
        for start in range(whole.start, whole.stop, step):
            part = slice(start, min(start + step, whole.stop))
            if by_rows:
                np.matmul(a[part], b, out=out[part])
            else:
                np.matmul(a, b[:, part], out=out[:, part])

    if is_shared:
        share(product, length)
    else:
        product(slice(0, length))


@lru_cache
def _plan(m: int, k: int, n: int) -> _Plan:
    """Plan a product (m, k) @ (k, n)."""
    n_parts = ceil(m * k * n / _WITHOUT_PACKING)
    by_rows = m * _FLAT > n
    length = m if by_rows else n
    if n_parts > _MOST_PARTS:
        return _Plan(by_rows, length, length, is_shared=n_parts >= _WORTH_SHARING)
    step = ceil(length / n_parts)
    if step > _LANES:
        step = min(length, ceil(step / _LANES) * _LANES)
    return _Plan(by_rows, length, step, is_shared=False)


@lru_cache
def _plan_of_dots(m: int, k: int, n: int) -> _Plan:
    """Plan the same where the rows of the first and the columns of the second factor are contiguous."""
    length, narrow = max(m, n), min(m, n)
    step = min(_WITHOUT_PACKING // k, _DOTS_WITHOUT_PACKING) // narrow
    if k < _SHORT or narrow > _NARROW or step < _LEAST_STEP:
        return _plan(m, k, n)
    step = ceil(length / ceil(length / step))  # parts of one size
    return _Plan(m > n, length, step, is_shared=_plan(m, k, n).is_shared)
