"""The memo: a ring in a file, from which what was not used for longest goes first."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.memo import MOST_BYTES, Memo
from rpc.aside import outcome_of
from tests.coordinator.store.disks import files_limited_to

HEAD = b"head"
FRONT_BYTES = 12  # of a record, before its head


def at_once(work: Callable[[], Any], done: Callable[[Any], None]) -> None:
    done(outcome_of(work))


def never(work: Callable[[], Any], done: Callable[[Any], None]) -> None:
    """A thread that does not come to it."""


def fill(memo: Memo) -> None:
    """Keep as much as is written at once."""
    for key in range(256):
        memo.keep(key, HEAD, b"more")


def test_what_is_kept_is_found_before_and_after_it_is_written(tmp_path: Path) -> None:
    memo = Memo(at_once, 10_000, tmp_path)
    memo.keep("a", HEAD, b"data")
    assert memo.find("a") == (HEAD, b"data")
    fill(memo)
    assert memo.find("a") == (HEAD, b"data")
    assert memo.find("b") is None
    assert list(tmp_path.iterdir()) == [], "the file has no name, so that it goes with the process"
    memo.close()


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    size = FRONT_BYTES + len(HEAD) + 100
    memo = Memo(at_once, 4 * size, tmp_path)
    for key in "abcd":
        memo.keep(key, HEAD, key.encode() * 100)
    assert memo.find("a") is not None, "which makes it the newest"
    memo.keep("e", HEAD, bytes(100))
    assert [key for key in "abcde" if memo.find(key)] == ["a", "c", "d", "e"]
    memo.close()


def test_a_record_that_was_damaged_is_as_good_as_none(tmp_path: Path) -> None:
    memo = Memo(at_once, 10_000, tmp_path)
    memo.keep("a", HEAD, b"data")
    fill(memo)
    assert memo._file is not None
    os.pwrite(memo._file, b"X", FRONT_BYTES)
    assert memo.find("a") is None
    memo.close()


def test_a_size_of_zero_keeps_nothing_and_makes_no_file(tmp_path: Path) -> None:
    memo = Memo(at_once, 0, tmp_path / "folder")
    memo.keep("a", HEAD, b"")
    assert memo.find("a") is None
    memo.close()
    assert not (tmp_path / "folder").exists()


def test_what_is_larger_than_a_mebibyte_is_not_kept(tmp_path: Path) -> None:
    memo = Memo(at_once, 10 * MOST_BYTES, tmp_path)
    memo.keep("large", HEAD, bytes(MOST_BYTES))
    memo.keep("small enough", HEAD, bytes(1 << 20))
    assert memo.find("large") is None
    assert memo.find("small enough") == (HEAD, bytes(1 << 20))
    memo.close()


def test_a_disk_that_takes_nothing_loses_what_came_meanwhile_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    memo = Memo(at_once, 1_000_000, folder)
    for _ in range(2):
        memo.keep("a", HEAD, b"data")
        fill(memo)
        assert memo.find("a") is None and memo.find(0) is None
    folder.unlink()
    memo.keep("b", HEAD, b"data")
    fill(memo)
    assert memo.find("b") == (HEAD, b"data")
    assert [line.partition(" while")[0] for line in caplog.messages] == [
        "results are not kept for other runs",
        "results are kept for other runs again",
    ]
    memo.close()


def test_a_disk_that_is_full_for_a_while_keeps_what_was_known_before(tmp_path: Path) -> None:
    memo = Memo(at_once, 1_000_000, tmp_path)
    memo.keep("before", HEAD, b"data")
    fill(memo)
    with files_limited_to(6_000):
        memo.keep("meanwhile", HEAD, b"data")
        fill(memo)
    assert memo.find("meanwhile") is None
    memo.keep("after", HEAD, b"data")
    fill(memo)
    assert memo.find("before") == memo.find("after") == (HEAD, b"data")
    memo.close()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 700)), max_size=60), st.integers(1, 3000))
def test_whatever_is_kept_found_and_written_nothing_wrong_is_found(
    steps: list[tuple[bool, int, int]], ring_bytes: int
) -> None:
    memo = Memo(never, ring_bytes, Path("nowhere"))
    latest: dict[int, bytes] = {}
    for keeps, key, length in steps:
        if keeps:
            latest[key] = bytes([key]) * length
            memo.keep(key, HEAD, latest[key])
        elif (record := memo.find(key)) is not None:
            assert record == (HEAD, latest[key])
        places = sorted((place.start, place.size) for place in memo._places.values())
        assert all(start + size <= after for (start, size), (after, _) in pairwise(places))
        assert not places or memo._end - places[0][0] <= ring_bytes
    memo.close()
