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
    """Write `keep * out + a @ b` into `out`, whose rows are contiguous; other factors than such matrices are copied.

    Raises:
        ValueError: shapes or dtypes do not fit, rows of `out` are not contiguous, or there is no such BLAS here.
    """
    gemm = _gemm(out.dtype.name)
    if gemm is None:
        raise ValueError(f"NumPy has no BLAS here that adds products of {out.dtype}; ask can_add first")
    if not (a.dtype == b.dtype == out.dtype and (*a.shape, b.shape[1]) == (len(out), len(b), out.shape[1])):
        raise ValueError(f"{_words(a)} @ {_words(b)} cannot be added to {_words(out)}")
    if not _has_rows(out):
        raise ValueError(f"a product can be added to contiguous rows only, not to {_words(out)}, strides {out.strides}")
    a, b = _with_lines(a), _with_lines(b)  # held here: BLAS is given addresses
    (m, n), k = out.shape, len(b)
    first, second, (_, *target) = _matrix(a), _matrix(b), _matrix(out)
    gemm(_ROW_MAJOR, first[0], second[0], m, n, k, 1.0, *first[1:], *second[1:], keep, *target)


def _has_rows(a: FloatArray) -> bool:
    """Whether each row is contiguous, and begins behind the one before."""
    return a.strides[1] == a.itemsize and a.strides[0] >= a.shape[1] * a.itemsize


def _with_lines(a: FloatArray) -> FloatArray:
    """Return `a`, or a copy if neither its rows nor its columns are as BLAS needs them."""
    return a if _has_rows(a) or _has_rows(a.T) else np.array(a, order="C")


def _matrix(a: FloatArray) -> tuple[int, int, int]:
    """Return whether `a` is transposed, where it begins, and how many elements lie between its lines."""
    has_rows = _has_rows(a)
    return _AS_IT_IS if has_rows else _TRANSPOSED, a.ctypes.data, a.strides[0 if has_rows else 1] // a.itemsize


def _words(a: FloatArray) -> str:
    return f"{a.dtype} {a.shape}"


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
