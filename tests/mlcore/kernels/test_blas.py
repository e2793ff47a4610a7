"""BLAS, called directly: adds the product in any layout, and is found in NumPy's own wheels."""

from itertools import product

import numpy as np
import pytest

from mlcore.kernels import blas


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_is_added_whatever_the_layout(dtype: str) -> None:
    if not blas.can_add(np.dtype(dtype)):
        pytest.skip("this NumPy shows no CBLAS of OpenBLAS")
    rng = np.random.default_rng(0)
    a, b, before = (rng.standard_normal(shape).astype(dtype) for shape in ((30, 50), (50, 20), (30, 25)))
    for first, second in product((a, np.asfortranarray(a)), (b, np.asfortranarray(b))):
        wide = before.copy()
        blas.add_product(first[5:], second, wide[5:, :20], keep=0.5)
        np.testing.assert_allclose(wide[5:, :20], 0.5 * before[5:, :20] + (a @ b)[5:], rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(wide[:5], before[:5])
        np.testing.assert_array_equal(wide[:, 20:], before[:, 20:])


def test_blas_is_found_in_a_wheel_of_numpy() -> None:
    built_with = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert blas.can_add(np.dtype("float32")) or built_with != "scipy-openblas"
