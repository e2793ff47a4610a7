"""Rows of text, `feature,...,label`, to arrays: fast for plain digits, exact for all other numbers."""

import re
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from mlcore.kernels.backend import Array, IntArray

MAX_LABEL = 999_999
_CHUNK_BYTES = 2**18  # its arrays stay in the cache
_COMMA = ord(",") - ord("0") & 0xFF
_NEWLINE = ord("\n") - ord("0") & 0xFF

_NOT_TEXT = re.compile(rb"[^\t\r -~]")
_INTEGER = re.compile(rb"[+-]?[0-9]+")
Text = bytes | bytearray | memoryview
Bytes = NDArray[np.uint8]


class DataError(ValueError):
    """Data that cannot be used; the text begins with `name:line: ` where a line is to blame."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows as arrays.

    Attributes:
        x: features, shape (rows, features): uint8 where all are plain integers 0..255, else float64.
        y: label of each row, int64 (rows,); 0 where the text has no labels.
    """

    x: Array
    y: IntArray


def parse_rows(data: Text, *, name: str, labelled: bool = True) -> Shard:
    """Return the rows of a text of comma-separated numbers with the label last, or without any.

    CRLF, spaces around numbers and blank lines at the end are accepted. The values are the same whether the
    fast or the exact reader took the text.

    Args:
        name: of the text, for errors.

    Raises:
        DataError: a row cannot be used; names the line, counted from 1, and says what to do.
    """
    text = memoryview(data).cast("B")
    return parse_plain_digits(text, labelled) or parse_any_numbers(bytes(text), name=name, labelled=labelled)


def parse_plain_digits(text: memoryview, labelled: bool = True) -> Shard | None:
    """Return the rows if all fields are integers 0..255 of one to three digits, else None.

    Works on whole arrays of bytes: the separators are found, and the one to three bytes before each are its
    digits. Nothing is accepted that was not checked.
    """
    n_columns = bytes(text[:_CHUNK_BYTES]).split(b"\n", 1)[0].count(b",") + 1
    if n_columns < 2:
        return None
    parts: list[Bytes] = []
    start = 0
    while start < len(text):
        end = _end_of_chunk(text, start)
        part = _plain_chunk(text[start:end], n_columns)
        if part is None:
            return None
        parts.append(part)
        start = end
    table = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not labelled:
        return Shard(table, np.zeros(len(table), np.int64))
    return Shard(np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64))


def _end_of_chunk(text: memoryview, start: int) -> int:
    """Return the end of the next chunk of whole lines: all that is left if a line is longer than a chunk."""
    if len(text) - start <= _CHUNK_BYTES:
        return len(text)
    newline = bytes(text[start : start + _CHUNK_BYTES]).rfind(b"\n")
    return len(text) if newline < 0 else start + newline + 1


def _plain_chunk(text: memoryview, n_columns: int) -> Bytes | None:
    """Return the fields of a chunk of whole lines, uint8 (rows, n_columns), or None if any is not plain."""
    if text[-1] != ord("\n"):
        text = memoryview(bytes(text) + b"\n")
    # Four bytes that are no digits in front: the first field, too, has something before it.
    digits = np.full(len(text) + 4, _NEWLINE, np.uint8)
    np.subtract(np.frombuffer(text, np.uint8), np.uint8(ord("0")), out=digits[4:])
    ends = np.flatnonzero(digits[4:] > 9)
    if not _separators_fit(digits[4:].take(ends), n_columns):
        return None
    values = _values(digits, ends)
    return None if values is None else values.reshape(-1, n_columns)


def _values(digits: Bytes, ends: NDArray[np.intp]) -> Bytes | None:
    """Return the numbers that end before `ends`, or None if one is empty or above 255.

    `digits` has four bytes in front, so that `digits[4 - k :]` at an end is the k-th byte before it.
    """
    units, tens, hundreds = (digits[4 - place :].take(ends) for place in (1, 2, 3))
    if units.max() > 9:
        return None
    has_tens = tens <= 9
    values = units + np.uint8(10) * (tens * has_tens)
    longer = np.flatnonzero(has_tens & (hundreds <= 9))
    if len(longer):
        if digits.take(ends[longer]).min() <= 9:  # a fourth digit
            return None
        large = values[longer] + np.uint16(100) * hundreds[longer]
        if large.max() > 255:
            return None
        values[longer] = large
    return values


def _separators_fit(separators: Bytes, n_columns: int) -> bool:
    """Return whether each row of separators is commas and then one newline."""
    n_rows, rest = divmod(len(separators), n_columns)
    return (
        not rest
        and np.count_nonzero(separators == _COMMA) == len(separators) - n_rows
        and bool((separators[n_columns - 1 :: n_columns] == _NEWLINE).all())
    )


def parse_any_numbers(text: bytes, *, name: str, labelled: bool = True) -> Shard:
    """Return the rows of any valid text, features as float64, reading each number exactly.

    Raises:
        DataError: as `parse_rows`.
    """
    lines = text.rstrip().split(b"\n")
    if lines == [b""]:
        raise DataError(f"{name}:1: the file is empty; expected rows of numbers with the label last")
    n_columns = lines[0].count(b",") + 1
    x = np.empty((len(lines), n_columns - labelled))
    y = np.empty(len(lines), np.int64)
    for index, line in enumerate(lines):
        try:
            x[index], y[index] = _row(line, n_columns, labelled)
        except DataError as error:
            raise DataError(f"{name}:{index + 1}: {error}") from None
    return Shard(x, y)


def _row(line: bytes, n_columns: int, labelled: bool) -> tuple[list[float], int]:
    _check_text(line)
    fields = line.split(b",")
    if labelled and len(fields) < 2:
        raise DataError("a row needs at least one feature and a label, separated by a comma")
    if len(fields) != n_columns:
        raise DataError(f"{len(fields)} columns where line 1 has {n_columns}; make all rows equally long")
    label = fields.pop() if labelled else b"0"
    return _numbers(fields), _label(label.strip())


def _check_text(line: bytes) -> None:
    if not line.strip():
        raise DataError("blank line; remove it")
    if odd := _NOT_TEXT.search(line):
        raise DataError(f"byte 0x{odd[0].hex()} is not text; expected numbers separated by commas")


def _numbers(fields: list[bytes]) -> list[float]:
    """Return the numbers of a row: all in one go, and field by field only where one of them may be to blame."""
    try:
        values = list(map(float, fields))
    except ValueError:
        values = [nan]
    if isfinite(sum(values)) and b"_" not in b"".join(fields):
        return values
    return [_number(field, column) for column, field in enumerate(fields, start=1)]


def _number(field: bytes, column: int) -> float:
    try:
        value = float(field)
    except ValueError:
        value = None
    if value is None or b"_" in field:  # float() takes 1_000, other readers do not
        raise DataError(f"column {column}: {_shown(field)} is not a number; correct or remove the row")
    if not isfinite(value):
        raise DataError(f"column {column}: {_shown(field)} is not finite; correct or remove the row")
    return value


def _label(field: bytes) -> int:
    if not _INTEGER.fullmatch(field):
        raise DataError(f"label {_shown(field)} is not an integer; classes count from 0 in the last column")
    label = int(field[:20])
    if not 0 <= label <= MAX_LABEL:
        raise DataError(f"label {_shown(field)} is not in 0..{MAX_LABEL}; classes count from 0")
    return label


def _shown(field: bytes) -> str:
    text = field.strip().decode("ascii")
    return repr(text if len(text) <= 40 else text[:40] + "...")
