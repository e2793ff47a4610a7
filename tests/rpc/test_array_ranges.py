"""The indexes of an array as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.array_ranges import MOST_MEMBERS, ArrayRange, array_range, array_text
from rpc.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "indexes", "at_once"),
    [
        ("7", (7,), 0),
        ("1-4", (1, 2, 3, 4), 0),
        ("0-9:3", (0, 3, 6, 9), 0),
        ("1-8:3", (1, 4, 7), 0),
        ("1,4,7-9", (1, 4, 7, 8, 9), 0),
        ("9,1-3,2", (1, 2, 3, 9), 0),
        ("1-100%4", tuple(range(1, 101)), 4),
        ("5%1", (5,), 1),
    ],
)
def test_ranges_steps_lists_and_a_limit_are_understood(text: str, indexes: tuple[int, ...], at_once: int) -> None:
    assert array_range(text) == ArrayRange(indexes, at_once)


@pytest.mark.parametrize(
    "text", ["", ",", "1,", "a", "-1", "3-1", "1-5:0", "1-", "1-2-3", "1%", "1%0", "1%-1", "1%2%3", "1 - 2", "٣", "1e3"]
)
def test_what_is_no_range_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadRequest, match="array must be such as 1-100, 1-9:2, 1,4,7-9 or 1-100%4"):
        array_range(text)


@pytest.mark.parametrize("text", ["0-10000", "1-999999999", "1-6000,10001-16000"])
def test_too_many_jobs_are_refused_before_they_are_counted_out(text: str) -> None:
    with pytest.raises(BadRequest, match="of at most 10,000; submit several arrays"):
        array_range(text)
    assert len(array_range(f"1-{MOST_MEMBERS}").indexes) == MOST_MEMBERS


@given(st.sets(st.integers(0, 300), min_size=1), st.integers(0, 9))
def test_what_is_written_is_what_was_read(indexes: set[int], at_once: int) -> None:
    assert array_range(array_text(sorted(indexes), at_once)) == ArrayRange(tuple(sorted(indexes)), at_once)


@pytest.mark.parametrize(
    ("indexes", "text"),
    [
        ((3,), "3"),
        ((1, 2), "1,2"),
        ((1, 2, 3, 9), "1-3,9"),
        ((2, 4, 6, 7), "2-6:2,7"),
        ((5, 1_000, 1_001, 1_002), "5,1000-1002"),
    ],
)
def test_indexes_that_follow_one_another_are_written_as_ranges(indexes: tuple[int, ...], text: str) -> None:
    assert array_text(indexes) == text
