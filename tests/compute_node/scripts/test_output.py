"""What a job prints becomes lines with stream and level, however it comes, and never more than so much of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute_node.scripts.output import LINE_BYTES, Lines, level_of
from rpc.kept_log import Record


def lines_of(*pieces: bytes) -> list[str]:
    lines = Lines("o")
    found = [record.text for piece in pieces for record in lines.take(piece, 1)]
    return found + [record.text for record in lines.close(1)]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))), st.data())
def test_lines_are_the_same_however_the_bytes_are_cut(lines: list[str], data: st.DataObject) -> None:
    whole = "".join(f"{line}\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert lines_of(*pieces) == lines


def test_a_last_line_needs_no_line_break() -> None:
    assert lines_of(b"a\nb") == ["a", "b"]
    assert lines_of(b"a\n") == ["a"]


def test_a_line_without_end_is_cut_and_counted() -> None:
    (line,) = lines_of(*[b"x" * 100_000] * 30)
    assert line == "x" * LINE_BYTES + f" [{3_000_000 - LINE_BYTES:,} bytes left out]"


def test_of_a_progress_bar_the_last_state_is_kept() -> None:
    assert lines_of(b"10 %\r20 %\r100 %\r\ndone\r\n") == ["100 %", "done"]


def test_of_a_progress_bar_that_writes_more_than_a_line_may_have_the_last_state_is_kept() -> None:
    assert lines_of(*(f"\r{n:5} of 20000 ####".encode() for n in range(20_000)), b"\nd") == ["19999 of 20000 ####", "d"]


@given(st.text(st.sampled_from("ab\r\n"), max_size=12), st.data())
def test_a_line_that_is_written_over_is_the_same_however_the_bytes_are_cut(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    states = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    whole = states if states[-1] else states[:-1]
    assert lines_of(text[:cut].encode(), text[cut:].encode()) == whole


def test_a_progress_bar_is_told_of_now_and_then() -> None:
    lines = Lines("e")
    told = [(second, [*lines.take(b"%d s\r" % second, 1_000_000 + 1000 * second)]) for second in range(25)]
    assert [(second, record.text) for second, records in told for record in records] == [
        (0, "0 s"),
        (10, "10 s"),
        (20, "20 s"),
    ]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert lines_of(b"\xff\xfea\n") == ["\ufffd\ufffda"]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("hello", "i"),
        ("INFO:root:started", "i"),
        ("WARNING:root:low on disk", "w"),
        ("2026-11-22 10:00:00,123 ERROR train: no such file", "e"),
        ("[CRITICAL] out", "e"),
        ("Traceback (most recent call last):", "e"),
        ('PROGRESS: {"loss": 0.5}', "p"),
        ("PROGRESS is good", "i"),
        ("terrors", "i"),
        ("x" * 100 + " ERROR", "i"),
    ],
)
def test_levels_are_recognised(line: str, level: str) -> None:
    assert level_of(line) == level


def test_a_record_says_when_and_in_which_stream() -> None:
    assert list(Lines("e").take(b"oops\n", 7)) == [Record(7, "e", "i", "oops")]
