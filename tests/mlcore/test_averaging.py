"""The next global model from the sum of a round's deltas."""

from __future__ import annotations

import numpy as np
import pytest

from mlcore.averaging import NESTEROV_ETA, NESTEROV_MOMENTUM, ServerOptimizer, chunks

MODEL = np.array([1.0, 2.0, -1.0])


def test_fedavg_adds_the_mean_and_leaves_the_old_model_alone() -> None:
    model, total = MODEL.copy(), np.array([4.0, 0.0, 8.0])
    found = ServerOptimizer("fedavg").apply(model, total, 4)
    assert found.tolist() == [2.0, 2.0, 1.0]
    assert found is total and model.tolist() == MODEL.tolist()


def test_nesterov_looks_ahead_along_its_velocity() -> None:
    optimizer, model, velocity = ServerOptimizer("nesterov"), MODEL.copy(), np.zeros(3)
    for total in (np.array([4.0, 0.0, 8.0]), np.array([1.0, 1.0, 1.0])):
        mean = total / 4
        velocity = NESTEROV_MOMENTUM * velocity + mean
        expected = model + NESTEROV_ETA * (mean + NESTEROV_MOMENTUM * velocity)
        model = optimizer.apply(model, total.copy(), 4)
        np.testing.assert_allclose(model, expected, rtol=1e-15)


def test_a_model_that_is_not_finite_is_an_error() -> None:
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="eta"):
        ServerOptimizer("fedavg").apply(np.full(3, 1e308), np.full(3, 1e308), 1)


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(ValueError, match="fedadam"):
        ServerOptimizer("fedadam")


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, 1_000_000])
def test_chunks_cover_everything_once(size: int) -> None:
    covered = [index for part in chunks(size) for index in (part.start, part.stop)]
    assert sum(part.stop - part.start for part in chunks(size)) == size
    assert covered == sorted(covered)
