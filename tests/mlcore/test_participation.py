"""The choice of the shards of a round."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mlcore.participation import n_participants, participants


@given(st.integers(1, 200), st.floats(0.001, 1.0), st.integers(0, 2**63 - 1), st.integers(1, 1000))
def test_the_choice_follows_from_seed_and_round(n_shards: int, fraction: float, seed: int, number: int) -> None:
    chosen = participants(n_shards, fraction, seed, number)
    assert chosen == sorted(set(chosen)) == participants(n_shards, fraction, seed, number)
    assert len(chosen) == n_participants(n_shards, fraction)
    assert set(chosen) <= set(range(n_shards))


def test_the_choice_never_changes() -> None:
    assert participants(10, 0.3, seed=1, number=1) == [1, 5, 7]


def test_every_shard_is_chosen_about_as_often() -> None:
    counts = Counter(shard for number in range(1, 1001) for shard in participants(10, 0.3, 7, number))
    assert all(240 <= counts[shard] <= 360 for shard in range(10))


def test_a_fraction_is_rounded_up() -> None:
    assert [n_participants(10, fraction) for fraction in (0.01, 0.1, 0.11, 0.3, 0.95, 1.0)] == [1, 1, 2, 3, 10, 10]
