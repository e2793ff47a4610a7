"""Text in columns, as many of them as fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from rpc.plain_text import plain

_GAP = 2
_LEAST = 12  # where even that is not enough, words are cut to this


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        is_number: its cells end together; those of words start together.
        spare: where there is no room, the columns with the largest go first; those with 0 stay.
        cuts: where there is no room, its cells are cut to so many columns before whole columns go; 0: they are not.
            Names are as long as people like.
    """

    head: str
    is_number: bool = False
    spare: int = 0
    cuts: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int = 0) -> list[str]:
    """Return the line of the heads, and one for each row, columns two spaces apart.

    Args:
        width: of the terminal that the lines should fit, in its columns; 0: they may be of any length. First names
            are cut, then columns left out, at last the other words are cut; then they may still be too long.
    """
    cells = [[column.head, *(plain(row[place]) for row in rows)] for place, column in enumerate(columns)]
    shown = list(zip(columns, cells, strict=True))
    while width and (excess := _total(shown) - width) > 0:
        narrower = _narrower(shown, excess)
        if narrower is None:
            break
        shown = narrower
    filled = [_filled(column, each) for column, each in shown]
    return ["".join(line).rstrip() for line in zip(*filled, strict=True)]


def facts(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line for each name and what is to say of it, which starts at the same place in all."""
    names = [plain(name) for name, _ in pairs]
    longest = max(map(columns_of, names), default=0)
    filled = [name + " " * (longest + _GAP - columns_of(name)) for name in names]
    return [name + plain(text) for name, (_, text) in zip(filled, pairs, strict=True)]


def columns_of(text: str) -> int:
    """Return how many columns of a terminal the text takes: two for a character that East Asia writes wide."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def cut(text: str, width: int) -> str:
    """Return as much of the text as fits, with an ellipsis where that is not all."""
    if columns_of(text) <= width:
        return text
    kept, room = "", width - 1
    for each in text:
        room -= columns_of(each)
        if room < 0:
            break
        kept += each
    return f"{kept}…"


_Shown = list[tuple[Column, list[str]]]


def _total(shown: _Shown) -> int:
    return sum(_widths(shown)) + _GAP * (len(shown) - 1)


def _widths(shown: _Shown) -> list[int]:
    return [max(map(columns_of, cells)) for _, cells in shown]


def _narrower(shown: _Shown, excess: int) -> _Shown | None:
    """The same with what is missed least cut or left out; None: there is nothing more."""
    names = {n: column.cuts for n, (column, _) in enumerate(shown) if column.cuts}
    words = {n: _LEAST for n, (column, _) in enumerate(shown) if not column.is_number}
    return (
        _cut(shown, excess, names)
        or _without_one(shown)
        or _cut(shown, excess, dict.fromkeys(names, _LEAST))
        or _cut(shown, excess, words)
    )


def _cut(shown: _Shown, excess: int, least: Mapping[int, int]) -> _Shown | None:
    """The same with one of these columns, by place, narrower by the excess, or as narrow as it may be.

    It is the one with most to spare; None: there is none.
    """
    widths = _widths(shown)
    place = max(least, key=lambda each: widths[each] - least[each], default=None)
    if place is None or widths[place] <= least[place]:
        return None
    column, cells = shown[place]
    room = max(least[place], widths[place] - excess)
    return [*shown[:place], (column, [cut(cell, room) for cell in cells]), *shown[place + 1 :]]


def _without_one(shown: _Shown) -> _Shown | None:
    """The same without the column that is missed least; None: all stay."""
    place = max(range(len(shown)), key=lambda each: shown[each][0].spare)
    return [*shown[:place], *shown[place + 1 :]] if shown[place][0].spare else None


def _filled(column: Column, cells: Sequence[str]) -> Iterator[str]:
    """The cells, all as wide as the widest, with the gap to the next column behind them."""
    width = max(map(columns_of, cells))
    for cell in cells:
        room = " " * (width - columns_of(cell))
        yield (room + cell if column.is_number else cell + room) + " " * _GAP
