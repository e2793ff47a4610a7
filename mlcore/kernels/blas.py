"""The matrix product of the BLAS inside NumPy, called directly: it can add to what is there, as np.matmul cannot."""

import ctypes
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from mlcore.kernels.backend import FloatArray

_NAMES = {"float32": "scipy_cblas_sgemm64_", "float64": "scipy_cblas_dgemm64_"}  # in the wheels of NumPy
_SCALARS = {"float32": ctypes.c_float, "float64": ctypes.c_double}
_ROW_MAJOR = 101
_AS_IT_IS, _TRANSPOSED = 111, 112


def can_add(dtype: np.dtype[Any]) -> bool:
    """Say whether `add_product` works here: a NumPy of another make has another BLAS, or hides it."""
    return _gemm(dtype.name) is not None


def add_product(a: FloatArray, b: FloatArray, out: FloatArray, *, keep: float) -> None:
    """Write `keep * out + a @ b` into `out`; rows of `out`, and rows or columns of `a` and `b`, are contiguous."""
    gemm = _gemm(out.dtype.name)
    assert gemm is not None
    (m, n), k = out.shape, len(b)
    first, second = _matrix(a), _matrix(b)
    pitch = out.strides[0] // out.itemsize
    gemm(_ROW_MAJOR, first[0], second[0], m, n, k, 1.0, *first[1:], *second[1:], keep, out.ctypes.data, pitch)


def _matrix(a: FloatArray) -> tuple[int, int, int]:
    """Return whether `a` is transposed, where it begins, and how many elements lie between its lines."""
    is_transposed = a.strides[0] < a.strides[1]
    return _TRANSPOSED if is_transposed else _AS_IT_IS, a.ctypes.data, max(a.strides) // a.itemsize


@lru_cache
def _gemm(dtype: str) -> Any:
    """Return the function of CBLAS, with 64-bit integers, or None."""
    # Looking in NumPy's own library, which BLAS was linked to, never finds the one of another package.
    numpys = ctypes.CDLL(import_module("numpy._core._multiarray_umath").__file__)
    gemm = getattr(numpys, _NAMES[dtype], None)
    if gemm is not None:
        size, scalar, pointer, choice = ctypes.c_int64, _SCALARS[dtype], ctypes.c_void_p, ctypes.c_int
        matrix = [pointer, size]
        gemm.argtypes = [choice, choice, choice, size, size, size, scalar, *matrix, *matrix, scalar, *matrix]
        gemm.restype = None
    return gemm
