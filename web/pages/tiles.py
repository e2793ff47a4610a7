"""A few large figures beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui


class Tiles:
    """Figures with their names above, and a word below."""

    def __init__(self, names: Sequence[str]) -> None:
        self._labels: list[tuple[ui.label, ui.label]] = []
        with ui.element("div").classes("tiles"):
            for name in names:
                with ui.element("dl").classes("tile"):
                    with ui.element("dt"):
                        ui.label(name)
                    with ui.element("dd"):
                        figure = ui.label("-")
                    with ui.element("dd").classes("beside"):
                        beside = ui.label("")
                self._labels.append((figure, beside))

    def show(self, figures: Sequence[tuple[str, str]]) -> None:
        """Show a figure and a word for each name."""
        for (label, below), (figure, beside) in zip(self._labels, figures, strict=True):
            label.text = figure
            below.text = beside
