"""What is particular to the NumPy backend: aligned arrays, tall products in parts."""

import numpy as np
import pytest
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


@pytest.mark.parametrize("n_rows", [1, 100, 511, 512, 1600, 1601, 1602, 1603])
def test_the_weight_gradient_is_the_product_whatever_the_number_of_rows(n_rows: int) -> None:
    rng = np.random.default_rng(0)
    d, a = rng.standard_normal((26, n_rows)), rng.standard_normal((25, n_rows))
    out = np.empty((26, 25))
    NumpyBackend().weight_gradient(d, a, out)
    np.testing.assert_allclose(out, d @ a.T, rtol=1e-12, atol=1e-12)


def test_relu_of_more_than_one_piece_is_relu() -> None:
    z = np.random.default_rng(0).standard_normal((300, 400))
    expected = np.where(z > 0, z, 0)
    NumpyBackend().activate(z, "relu")
    assert z.tolist() == expected.tolist()
