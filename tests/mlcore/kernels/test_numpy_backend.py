"""What is particular to the NumPy backend: aligned arrays, passes in pieces."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlcore.kernels.numpy_backend import NumpyBackend


@given(st.integers(0, 50), st.integers(1, 50), st.sampled_from(["float32", "float64", "int64"]))
def test_arrays_begin_on_a_cache_line(rows: int, columns: int, dtype: str) -> None:
    array = NumpyBackend().empty((rows, columns), dtype)
    assert array.shape == (rows, columns)
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.ctypes.data % 64 == 0 or not array.size


def test_relu_of_more_than_one_piece_is_relu() -> None:
    z = np.random.default_rng(0).standard_normal((300, 400))
    expected = np.where(z > 0, z, 0)
    NumpyBackend().activate(z, "relu")
    assert z.tolist() == expected.tolist()
