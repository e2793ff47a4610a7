"""Buckets: so many in a minute for each, all at once if need be, and not one more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rpc.rates import Rates


def test_so_many_are_taken_at_once_and_then_one_at_a_time() -> None:
    rates = Rates(6)
    assert [rates.take("a", 0.0) for _ in range(6)] == [0.0] * 6
    assert rates.take("a", 0.0) == 10.0 and round(rates.wait_s("a", 4.0), 6) == 6.0
    assert rates.take("a", 10.0) == 0.0 and rates.take("a", 10.0) == 10.0


def test_at_once_there_may_be_more_than_in_a_minute() -> None:
    rates = Rates(1, at_once=3)
    assert [rates.take("a", 0.0) for _ in range(3)] == [0.0] * 3
    assert rates.take("a", 0.0) == 60.0 and rates.take("a", 60.0) == 0.0 and rates.take("a", 60.0) == 60.0


def test_each_has_a_bucket_of_its_own() -> None:
    rates = Rates(1)
    assert rates.take("a", 0.0) == 0.0 and rates.take("b", 0.0) == 0.0
    assert rates.take("a", 0.0) > 0.0


def test_asking_how_long_to_wait_takes_nothing() -> None:
    rates = Rates(1)
    assert [rates.wait_s("a", 0.0) for _ in range(9)] == [0.0] * 9
    assert rates.take("a", 0.0) == 0.0


@given(st.integers(1, 100), st.lists(st.floats(0.0, 30.0), max_size=200))
def test_never_are_more_taken_than_the_time_gives(per_minute: int, pauses: list[float]) -> None:
    rates, now, taken = Rates(per_minute), 0.0, 0
    for pause in pauses:
        now += pause
        taken += not rates.take("a", now)
    assert taken <= per_minute + now * per_minute / 60.0 + 1e-6


def test_what_is_full_again_is_forgotten_and_who_waits_is_not() -> None:
    rates = Rates(1)
    for number in range(10_000):
        rates.take(number, 0.0)
    rates.take("waits", 59.0)
    rates.take("one more", 61.0)
    assert len(rates._buckets) == 2 and rates.wait_s("waits", 61.0) > 0.0


def test_however_many_come_at_once_only_so_many_are_remembered() -> None:
    rates = Rates(1)
    for number in range(10_500):
        rates.take(number, 0.0)
    assert len(rates._buckets) <= 10_000
