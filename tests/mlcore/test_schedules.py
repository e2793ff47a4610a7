"""Schedules over all the steps of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.schedules import SCHEDULES, eta_factor


@given(st.sampled_from(SCHEDULES), st.integers(1, 10_000), st.data())
def test_every_factor_is_above_0_and_at_most_1(schedule: str, total: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(0, total - 1))
    assert 0 < eta_factor(schedule, step, total) <= 1


def test_a_constant_schedule_is_1() -> None:
    assert {eta_factor("constant", step, 7) for step in range(7)} == {1.0}


def test_cosine_only_falls() -> None:
    factors = [eta_factor("cosine", step, 100) for step in range(100)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] > 0.999
    assert factors[-1] < 0.001


def test_onecycle_rises_for_30_percent_and_then_falls() -> None:
    factors = [eta_factor("onecycle", step, 1000) for step in range(1000)]
    assert factors[:300] == sorted(factors[:300])
    assert factors[300:] == sorted(factors[300:], reverse=True)
    assert max(factors) == pytest.approx(1, abs=0.01)
    assert factors[0] < 0.01
    assert factors[-1] < 0.001
