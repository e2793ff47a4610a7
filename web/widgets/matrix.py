"""A confusion matrix as a table of colours and counts."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui.element import Element


class Matrix(Element, component="matrix.js"):
    """Counts: of each class (row), how many were taken for which (column)."""

    def __init__(self, matrix: Sequence[Sequence[int]], names: Sequence[str]) -> None:
        super().__init__()
        self._props["matrix"] = [list(row) for row in matrix]
        self._props["names"] = list(names)
