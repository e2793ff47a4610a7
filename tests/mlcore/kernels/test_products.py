"""Products in parts and in shares are the product."""

import numpy as np
import pytest

from mlcore.kernels import set_threads
from mlcore.kernels.products import multiply

SHAPES = [
    (24, 17, 1600),  # small enough as it is
    (26, 25, 1600),  # in two parts by columns
    (26, 1600, 25),  # by rows
    (26, 513, 256),
    (512, 17, 256),
    (700, 110, 170),  # too many parts, not worth sharing
    (512, 513, 256),  # shared by rows
    (100, 900, 1001),  # by columns
    (1, 3, 1),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_a_product_is_the_product_whatever_its_shape(shape: tuple[int, int, int], n_threads: int) -> None:
    set_threads(n_threads)
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)), rng.standard_normal((k, n))
    out = np.empty((m, n))
    multiply(a, b, out)
    np.testing.assert_allclose(out, a @ b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("n_rows", [1, 100, 128, 511, 512, 1600, 1601])
@pytest.mark.parametrize("n_inputs", [25, 257])
def test_the_weight_gradient_is_the_product_whatever_the_number_of_rows(n_rows: int, n_inputs: int) -> None:
    rng = np.random.default_rng(0)
    d, a = rng.standard_normal((26, n_rows)), rng.standard_normal((n_inputs, n_rows))
    out = np.empty((26, n_inputs))
    multiply(d, a.T, out)
    np.testing.assert_allclose(out, d @ a.T, rtol=1e-12, atol=1e-11)
