"""Whether all numbers are finite: the quick way says what the plain one does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.finite import all_finite
from mlcore.kernels.backend import FloatArray


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(numbers=st.lists(st.floats(width=32), max_size=20))
def test_all_numbers_are_looked_at(dtype: str, numbers: list[float]) -> None:
    vector: FloatArray = np.array(numbers, dtype)
    assert all_finite(vector) == bool(np.isfinite(vector).all())
