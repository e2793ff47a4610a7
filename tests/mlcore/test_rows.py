"""Text to arrays: both readers give what a naive one gives, and bad rows are named by line."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore import rows
from mlcore.rows import DataError, parse_any_numbers, parse_plain_digits, parse_rows
from tests.mlcore.letters_data import LETTERS

plain_fields = st.integers(0, 255).map(str)
any_fields = st.one_of(
    plain_fields,
    st.integers(-(10**9), 10**9).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["007", "+3", " 4", "5 ", "1e3", "-.5", "2.", "1E-2", "0000255", "256", "999"]),
)


def tables(fields: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    """Return tables of fields, the last of each row a label."""
    return st.integers(1, 4).flatmap(
        lambda n: st.lists(
            st.tuples(st.lists(fields, min_size=n, max_size=n), plain_fields).map(lambda row: [*row[0], row[1]]),
            min_size=1,
            max_size=8,
        )
    )


@given(tables(plain_fields), st.sampled_from(["", "\n"]))
def test_on_plain_digits_the_fast_reader_the_exact_one_and_a_naive_one_agree(table: list[list[str]], end: str) -> None:
    text = ("\n".join(",".join(row) for row in table) + end).encode()
    fast, exact = parse_plain_digits(memoryview(text)), parse_any_numbers(text, name="t")
    assert fast is not None
    assert fast.x.dtype == np.uint8
    assert fast.x.tolist() == exact.x.tolist() == [[float(field) for field in row[:-1]] for row in table]
    assert fast.y.tolist() == exact.y.tolist() == [int(row[-1]) for row in table]
    assert fast.y.dtype == exact.y.dtype == np.int64


@given(tables(any_fields), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\r\n", "\n\n"]))
def test_any_numbers_are_read_as_a_naive_reader_reads_them(table: list[list[str]], newline: str, end: str) -> None:
    text = (newline.join(",".join(row) for row in table) + end).encode()
    shard = parse_rows(text, name="t")
    assert shard.x.tolist() == [[float(field) for field in row[:-1]] for row in table]
    assert shard.y.tolist() == [int(row[-1]) for row in table]


@given(tables(any_fields), st.sampled_from(["\n", "\r\n"]))
def test_without_labels_every_column_is_a_feature(table: list[list[str]], newline: str) -> None:
    text = newline.join(",".join(row) for row in table).encode()
    shard = parse_rows(text, name="t", labelled=False)
    assert shard.x.tolist() == [[float(field) for field in row] for row in table]
    assert shard.y.tolist() == [0] * len(table)


def test_without_labels_one_column_will_do_and_bad_rows_are_named() -> None:
    assert parse_rows(b"7\n-1.5\n", name="t", labelled=False).x.tolist() == [[7.0], [-1.5]]
    with pytest.raises(DataError, match="t:2: 3 columns where line 1 has 2"):
        parse_rows(b"1,2\n1,2,3\n", name="t", labelled=False)
    with pytest.raises(DataError, match="t:1: column 2: 'x' is not a number"):
        parse_rows(b"1,x\n", name="t", labelled=False)


@given(st.binary(max_size=60) | st.text("0123456789,\n\r. -e", max_size=60).map(str.encode))
def test_the_fast_reader_takes_nothing_that_the_exact_one_refuses(text: bytes) -> None:
    fast = parse_plain_digits(memoryview(text))
    if fast is not None:
        exact = parse_any_numbers(text, name="t")
        assert (fast.x.tolist(), fast.y.tolist()) == (exact.x.tolist(), exact.y.tolist())


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_the_only_error_names_file_and_line(text: bytes) -> None:
    try:
        parse_rows(text, name="some/file.txt")
    except DataError as error:
        assert re.match(r"some/file\.txt:\d+: .", str(error))


def test_chunks_are_cut_between_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (LETTERS / "train_letters1.txt").read_bytes()
    whole = parse_rows(text, name="t")
    monkeypatch.setattr(rows, "_CHUNK_BYTES", 1000)
    cut = parse_rows(text, name="t")
    assert cut.x.dtype == np.uint8
    assert (cut.x.tobytes(), cut.y.tobytes()) == (whole.x.tobytes(), whole.y.tobytes())


def test_a_line_longer_than_a_chunk_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_CHUNK_BYTES", 50)
    text = (",".join(["7"] * 60) + "\n").encode() * 3
    assert parse_rows(text, name="t").x.tolist() == [[7] * 59] * 3


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_kind_of_bytes_is_taken(kind: type) -> None:
    assert parse_rows(kind(b"1,2,3\n"), name="t").x.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "t:1: the file is empty"),
        (b"\n\n", "t:1: the file is empty"),
        (b"1,2,3\n1,2\n", "t:2: 2 columns where line 1 has 3; make all rows equally long"),
        (b"1,2,3\n1,2,3,4\n", "t:2: 4 columns where line 1 has 3"),
        (b"7\n", "t:1: a row needs at least one feature and a label"),
        (b"1,2,3\n\n1,2,3\n", "t:2: blank line; remove it"),
        (b"1,x,3\n", "t:1: column 2: 'x' is not a number; correct or remove the row"),
        (b"1,,3\n", "t:1: column 2: '' is not a number"),
        (b"1,1_000,3\n", "t:1: column 2: '1_000' is not a number"),
        (b"1,2,3\n1,nan,3\n", "t:2: column 2: 'nan' is not finite"),
        (b"1,1e999,3\n", "t:1: column 2: '1e999' is not finite"),
        (b"1,-inf,3\n", "t:1: column 2: '-inf' is not finite"),
        (b"1,2,-1\n", "t:1: label '-1' is not in 0..999999"),
        (b"1,2,3.0\n", "t:1: label '3.0' is not an integer"),
        (b"1,2,\n", "t:1: label '' is not an integer"),
        (b"1,2,1000000\n", "t:1: label '1000000' is not in 0..999999"),
        (b"1,2," + b"9" * 5000, "t:1: label '9999999999999999999999999999999999999999...' is not in"),
        (b"\x89PNG\r\n\x1a\n", "t:1: byte 0x89 is not text; expected numbers separated by commas"),
        (b"1,2,3\n\x00\x00,1,2\n", "t:2: byte 0x00 is not text"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_line(text: bytes, what: str) -> None:
    with pytest.raises(DataError, match=re.escape(what)):
        parse_rows(text, name="t")
