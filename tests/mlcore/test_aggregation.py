"""Sums, medians and trimmed means of a round's deltas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mlcore import aggregation
from mlcore.aggregation import AGGREGATIONS, MEAN, Aggregation

Rows = NDArray[np.float32]

MEDIAN = Aggregation("median")
ORDINARY = st.floats(-1e6, 1e6, width=32)  # 0 and -0 among them
DELTAS = st.tuples(st.integers(1, 12), st.integers(1, 20)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=ORDINARY)
)


def combine(how: Aggregation, rows: Rows) -> Rows:
    return how.combine(list(rows.copy()))


def trimmed_mean(rows: Rows, trim: int) -> NDArray[np.float64]:
    """The definition, weight by weight."""
    columns = [sorted(float(value) for value in column)[trim : len(rows) - trim] for column in rows.T]
    return np.array([sum(column) / len(column) for column in columns])


@given(DELTAS)
def test_the_median_is_the_median(rows: Rows) -> None:
    exact = np.median(rows.astype(np.float64), axis=0)
    np.testing.assert_allclose(combine(MEDIAN, rows), exact, rtol=1e-6, atol=1e-38)


@given(DELTAS, st.data())
def test_the_trimmed_mean_is_the_mean_of_what_is_left(rows: Rows, data: st.DataObject) -> None:
    trim = data.draw(st.integers(0, (len(rows) - 1) // 2))
    close = 1e-6 * float(np.abs(rows).max()) + 1e-38  # the least that float32 has with all its digits
    np.testing.assert_allclose(
        combine(Aggregation("trimmed", trim), rows), trimmed_mean(rows, trim), rtol=1e-6, atol=close
    )


@example(np.array([[1.23e-43], [0.0], [0.0]], np.float32))
@given(DELTAS)
def test_nothing_trimmed_is_the_mean_but_for_rounding(rows: Rows) -> None:
    mean = combine(MEAN, rows) / len(rows)
    close = 1e-6 * float(np.abs(rows).max()) + 1e-38  # the least that float32 has with all its digits
    np.testing.assert_allclose(combine(Aggregation("trimmed", 0), rows), mean, rtol=1e-6, atol=close)


@given(DELTAS, st.data())
def test_no_order_of_the_deltas_changes_a_bit_of_a_robust_mean(rows: Rows, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    for how in (MEDIAN, Aggregation("trimmed", (len(rows) - 1) // 3)):
        assert combine(how, rows[order]).tobytes() == combine(how, rows).tobytes()


@given(arrays(np.float32, 20, elements=ORDINARY), st.integers(1, 12))
def test_the_median_of_equal_deltas_is_the_delta(delta: Rows, n_deltas: int) -> None:
    assert combine(MEDIAN, np.tile(delta, (n_deltas, 1))).tolist() == delta.tolist()


@given(DELTAS.filter(lambda rows: len(rows) > 2), st.data())
def test_fewer_bad_deltas_than_are_trimmed_stay_within_the_good_ones(rows: Rows, data: st.DataObject) -> None:
    trim = (len(rows) - 1) // 2
    bad = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=trim))
    good = np.delete(rows, sorted(bad), axis=0)
    rows[sorted(bad)] = data.draw(st.sampled_from([3e38, -3e38, 0.0]))
    for how in (MEDIAN, Aggregation("trimmed", trim)):
        found = combine(how, rows)
        slack = 1e-6 * np.abs(good).max()
        assert (found >= good.min(axis=0) - slack).all() and (found <= good.max(axis=0) + slack).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["median", "trimmed"])
def test_a_vector_of_several_pieces_comes_out_whole(kind: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).standard_normal((5, 1001)).astype(dtype)
    whole = Aggregation(kind).combine(list(rows.copy()))
    monkeypatch.setattr(aggregation, "_SORTED_AT_ONCE", 100)
    assert Aggregation(kind).combine(list(rows.copy())).tobytes() == whole.tobytes()
    assert whole.dtype == dtype


@pytest.mark.parametrize("kind", ["median", "trimmed"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_delta_that_is_not_finite_is_an_error_even_where_it_would_be_trimmed(kind: str, bad: float) -> None:
    rows = np.ones((5, 10), np.float32)
    rows[2, 3] = bad
    with pytest.raises(FloatingPointError, match="not finite"):
        combine(Aggregation(kind), rows)


@pytest.mark.parametrize("kind", AGGREGATIONS)
def test_what_makes_sense_passes(kind: str) -> None:
    Aggregation(kind).check(n_shards=3)
    Aggregation(kind, trim=0).check(n_shards=1)


@pytest.mark.parametrize(
    ("how", "what"),
    [
        (Aggregation("krum"), "aggregation must be one of mean, median, trimmed, not 'krum'"),
        (Aggregation("trimmed", -1), "trim must be 0 or more, not -1"),
        (Aggregation("trimmed", 5), "trim must be below half the shards of a round, 10, not 5"),
    ],
)
def test_what_makes_no_sense_is_named(how: Aggregation, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        how.check(n_shards=10)
