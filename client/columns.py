"""Text in columns."""

from __future__ import annotations

from collections.abc import Sequence


def align(rows: Sequence[Sequence[str]], *, n_words: int) -> list[str]:
    """Return one line for each row, columns two spaces apart.

    Args:
        rows: all of the same length.
        n_words: columns at the left that hold words, which start together; numbers end together.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_line(row, widths, n_words) for row in rows]


def _line(row: Sequence[str], widths: Sequence[int], n_words: int) -> str:
    words = [cell.ljust(width) for cell, width in zip(row[:n_words], widths[:n_words], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(row[n_words:], widths[n_words:], strict=True)]
    return "  ".join(words + numbers).rstrip()
