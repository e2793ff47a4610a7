"""Statistics of shards, and that merging them is the same as having one shard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.rows import Shard
from mlcore.shard_stats import merge_stats, standardizer, survey


def shard(n_rows: int, seed: int) -> Shard:
    rng = np.random.default_rng(seed)
    return Shard(rng.integers(0, 16, size=(n_rows, 3)).astype(np.uint8), rng.integers(5, size=n_rows))


def test_a_survey_counts_rows_columns_and_labels() -> None:
    stats = survey(Shard(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([0, 3])))
    assert (stats.rows, stats.columns, stats.max_label) == (2, 2, 3)
    assert stats.label_counts.tolist() == [1, 0, 0, 1]
    assert stats.mean.tolist() == [2, 5]
    assert stats.m2.tolist() == [2, 0]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_merged_statistics_are_those_of_all_rows_together(sizes: list[int]) -> None:
    shards = [shard(n_rows, seed) for seed, n_rows in enumerate(sizes)]
    merged = merge_stats([survey(one) for one in shards])
    whole = survey(Shard(np.concatenate([s.x for s in shards]), np.concatenate([s.y for s in shards])))
    assert (merged.rows, merged.columns, merged.max_label) == (whole.rows, whole.columns, whole.max_label)
    assert merged.label_counts.tolist() == whole.label_counts.tolist()
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.m2, whole.m2, rtol=1e-9, atol=1e-9)


def test_bytes_and_floats_of_the_same_values_have_the_same_statistics() -> None:
    plain = shard(100, 1)
    as_floats = survey(Shard(plain.x.astype(np.float64), plain.y))
    assert survey(plain).mean.tobytes() == as_floats.mean.tobytes()
    assert survey(plain).m2.tobytes() == as_floats.m2.tobytes()


def test_a_constant_column_is_shifted_and_not_scaled() -> None:
    offset, scale = standardizer(survey(Shard(np.array([[1.0, 7.0], [3.0, 7.0]]), np.array([0, 1]))))
    assert offset.tolist() == [2, 7]
    assert scale.tolist() == [1, 1]


def test_large_offsets_do_not_eat_the_deviation() -> None:
    x = 1e9 + np.arange(4.0).reshape(4, 1)
    halves = [survey(Shard(x[:2], np.zeros(2, np.int64))), survey(Shard(x[2:], np.zeros(2, np.int64)))]
    assert merge_stats(halves).m2.tolist() == [5.0]


def test_shards_that_do_not_fit_together_are_refused() -> None:
    other = Shard(np.ones((2, 4)), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="same columns, not 3 and 4 features"):
        merge_stats([survey(shard(5, 1)), survey(other)])
    with pytest.raises(ValueError, match="no shards to merge"):
        merge_stats([])
