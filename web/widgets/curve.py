"""Curves: how numbers went, some of them over the same steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nicegui.element import Element

Points = Sequence[tuple[float, float]]

_MOST = 600  # points of a curve: more than a screen shows


class Curves(Element, component="curve.js"):
    """One diagram. Names and numbers are shown as text."""

    def __init__(self, *, label: str, across: str = "round", bounds: tuple[float, float] | None = None) -> None:
        """`across` says what the steps are; `bounds` are those of the numbers, if they have some."""
        super().__init__()
        self._props["label"] = label
        self._props["across"] = across
        self._props["curves"] = []
        if bounds is not None:
            self._props["bounds"] = list(bounds)

    def show(self, curves: Mapping[str, Points]) -> None:
        """Show these curves, by their names."""
        wanted = [{"name": name, "points": thinned(points)} for name, points in curves.items()]
        if wanted != self._props["curves"]:
            self._props["curves"] = wanted
            self.update()


def thinned(points: Points, most: int = _MOST) -> list[list[float]]:
    """Return points that can be drawn, at most so many, with the first and the last of them."""
    finite = [[x, y] for x, y in points if math.isfinite(y)]
    if len(finite) <= most:
        return finite
    step = (len(finite) - 1) / (most - 1)
    return [finite[round(n * step)] for n in range(most)]
