"""Tables fit the terminal: words are cut and columns go before figures do."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.columns import Column, columns_of, cut, facts, table

COLUMNS = (
    Column("run"),
    Column("name", cuts=24),
    Column("state"),
    Column("submitted", spare=2),
    Column("tasks", is_number=True, spare=1),
    Column("error", is_number=True),
)
ROW = ("run-75d40d-1", "a folder with rather a long name", "running", "2026-11-22 18:00", "30/30", "0.3812")


def heads(width: int) -> list[str]:
    return table(COLUMNS, [ROW], width)[0].split()


def test_in_a_pipe_nothing_is_cut() -> None:
    assert [part.strip() for part in table(COLUMNS, [ROW])[1].split("  ") if part] == list(ROW)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (120, ["run", "name", "state", "submitted", "tasks", "error"]),
        (80, ["run", "name", "state", "submitted", "tasks", "error"]),
        (79, ["run", "name", "state", "tasks", "error"]),
        (60, ["run", "name", "state", "error"]),
        (45, ["run", "name", "state", "error"]),
    ],
)
def test_the_columns_that_are_missed_least_go_first(width: int, shown: list[str]) -> None:
    head, row = table(COLUMNS, [ROW], width)
    assert head.split() == shown
    assert row.endswith("0.3812") and len(row) <= width


def test_names_are_cut_before_a_column_goes() -> None:
    (_, row) = table(COLUMNS, [ROW], 80)
    assert "a folder with rather a …" in row and "2026-11-22" in row


def test_even_an_id_is_cut_where_nothing_else_is_left() -> None:
    (_, row) = table((Column("node"), Column("state")), [("n" * 300, "ready")], 60)
    assert len(row) == 60 and row.endswith("…  ready")


def test_wide_characters_count_twice() -> None:
    assert (columns_of("東京"), columns_of("e\u0301"), columns_of("ab")) == (4, 1, 2)
    lines = table((Column("name"), Column("state")), [("東京", "lost"), ("edge", "ready")])
    assert lines == ["name  state", "東京  lost", "edge  ready"]


def test_facts_start_at_the_same_place_and_stay_on_their_lines() -> None:
    assert facts([("run", "run-7"), ("state", "lost\nrun  run-8")]) == ["run    run-7", r"state  lost\nrun  run-8"]
    assert facts([("label\na", "1"), ("os", "2")]) == [r"label\na  1", "os        2"]


@given(text=st.text(), width=st.integers(1, 40))
def test_what_is_cut_fits(text: str, width: int) -> None:
    shown = cut(text, width)
    assert columns_of(shown) <= width
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


@given(rows=st.lists(st.tuples(*[st.text(max_size=60)] * 6), max_size=4), width=st.integers(60, 200))
def test_a_table_of_any_words_fits_60_columns_and_more(rows: list[tuple[str, ...]], width: int) -> None:
    figures = [(*row[:4], "30/30", "0.3812") for row in rows]
    lines = table(COLUMNS, figures, width)
    assert len(lines) == 1 + len(rows) and max(map(columns_of, lines)) <= width
    assert all(each.isprintable() or category(each) == "Zs" for line in lines for each in line)  # Zs: blanks
