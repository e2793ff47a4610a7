"""What the commands print on stdout: one JSON document for programs, lines and tables for people."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from client.columns import Column, columns_of, facts, table
from client.style import Style


def print_json(value: object, *, on_one_line: bool = False) -> None:
    """Print a value made of dataclasses, mappings and sequences; a number that JSON does not know becomes null."""
    print(json.dumps(_plain(value), indent=None if on_one_line else 2, allow_nan=False), flush=True)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, each on a line of its own, or on those that it takes on a terminal."""
    style = Style(sys.stdout)
    for line in lines:
        print("\n".join(style.wrap(line)))
    sys.stdout.flush()


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], states: Sequence[str] = ()) -> None:
    """Print a table that fits the terminal; `states` are the words of the rows that have colours."""
    style = Style(sys.stdout)
    head, *lines = table(columns, rows, style.width)
    print(style.paint(style.fit(head), "bold"))
    for line, state in zip(lines, states or [""] * len(rows), strict=True):
        print(style.paint_word(style.fit(line), state))


def print_facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Print a line for each name and what is to say of it."""
    style = Style(sys.stdout)
    indent = max((columns_of(name) for name, _ in pairs), default=0) + 2
    for line in facts(pairs):
        print("\n".join(style.wrap(line, indent)))


def _plain(value: Any) -> Any:
    """The value of types that JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if not isinstance(value, float) or isfinite(value) else None
