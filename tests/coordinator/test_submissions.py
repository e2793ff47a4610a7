"""Ids of runs: no start of a coordinator gives one that another start gave."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coordinator.submissions import name_of_start

EPOCHS = st.integers(1_700_000_000_000, 2_500_000_000_000)


@given(EPOCHS, EPOCHS)
def test_two_starts_have_two_names(one: int, other: int) -> None:
    assert (name_of_start(one) == name_of_start(other)) == (one == other)


def test_starts_a_moment_apart_or_hours_apart_differ_in_their_first_letters() -> None:
    now = 1_800_000_000_000
    starts = (now, now + 1, now + 40, now + (1 << 24))
    assert len({name_of_start(start)[:4] for start in starts}) == len(starts)
    assert len(name_of_start(now)) == 8
