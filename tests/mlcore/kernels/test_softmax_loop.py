"""The exponential of the compiled softmax."""

import numpy as np
import pytest

pytest.importorskip("numba")

from mlcore.kernels.compiled import compiled
from mlcore.kernels.softmax_loop import exp_of_negative


@compiled
def exponentials(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(x.size):
        out[i] = exp_of_negative(x[i])


def exp(x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    exponentials(x, out)
    return out


def test_it_is_right_to_about_a_unit_in_the_last_place() -> None:
    x = np.linspace(-87.0, 0.0, 1_000_001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64))
    assert (np.abs(exp(x) - exact) / np.spacing(exact.astype(np.float32))).max() <= 1.01


def test_it_is_1_at_0_and_next_to_nothing_far_below() -> None:
    values = exp(np.array([0.0, -0.0, -88.0, -1e30, -np.inf], np.float32))
    assert values[:2].tolist() == [1.0, 1.0]
    assert ((values[2:] > 0) & (values[2:] < 2e-38)).all()


def test_nan_stays_nan() -> None:
    assert np.isnan(exp(np.array([np.nan], np.float32))).all()
