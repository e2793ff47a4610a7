"""BLAS, called directly: adds the product in any layout, refuses the rest, and is found in NumPy's own wheels."""

from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from mlcore.kernels import blas

needs_blas = pytest.mark.skipif(not blas.can_add(np.dtype("float32")), reason="this NumPy shows no CBLAS of OpenBLAS")


@needs_blas
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_is_added_whatever_the_layout(dtype: str) -> None:
    rng = np.random.default_rng(0)
    a, b, before = (rng.standard_normal(shape).astype(dtype) for shape in ((30, 50), (50, 20), (30, 25)))
    for first, second in product((a, np.asfortranarray(a)), (b, np.asfortranarray(b))):
        wide = before.copy()
        blas.add_product(first[5:], second, wide[5:, :20], keep=0.5)
        np.testing.assert_allclose(wide[5:, :20], 0.5 * before[5:, :20] + (a @ b)[5:], rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(wide[:5], before[:5])
        np.testing.assert_array_equal(wide[:, 20:], before[:, 20:])


@needs_blas
def test_factors_that_blas_cannot_read_are_copied() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((12, 8)), rng.standard_normal((8, 10))
    odd = {
        "every other": (np.repeat(a, 2, axis=1)[:, ::2], np.repeat(b, 2, axis=1)[:, ::2]),
        "backwards": (a[:, ::-1][:, ::-1][::-1][::-1], b[::-1][::-1]),
        "negative strides": (a[::-1], b[:, ::-1]),
        "one row": (as_strided(a[:1], strides=(8, 8)), b),
        "the same row": (np.broadcast_to(a[0], a.shape), b),
    }
    for name, (first, second) in odd.items():
        out = np.ones((len(first), 10))
        blas.add_product(first, second, out, keep=2.0)
        np.testing.assert_allclose(out, 2.0 + np.array(first) @ np.array(second), err_msg=name)


@needs_blas
def test_what_cannot_be_added_is_refused_and_nothing_is_written() -> None:
    a, b, out = np.ones((3, 4)), np.ones((4, 5)), np.zeros((3, 5))
    for first, second, target, words in (
        (a, b[:3], out, r"float64 \(3, 4\) @ float64 \(3, 5\) cannot be added to float64 \(3, 5\)"),
        (a.astype(np.float32), b, out, "float32 .* cannot be added to float64"),
        (a, b, out[:2], "cannot be added"),
        (a, b, np.zeros((5, 3)).T, "contiguous rows only"),
        (a, b, np.zeros((3, 10))[:, ::2], "contiguous rows only"),
    ):
        with pytest.raises(ValueError, match=words):
            blas.add_product(first, second, target, keep=1.0)
        assert not target.any()


def test_blas_is_found_in_a_wheel_of_numpy() -> None:
    built_with = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert blas.can_add(np.dtype("float32")) or built_with != "scipy-openblas"
