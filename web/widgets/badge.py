"""The state of one thing, by a colour, a sign and a word."""

from __future__ import annotations

from nicegui.element import Element


class Badge(Element, component="badge.js"):
    """One state."""

    def __init__(self, state: str) -> None:
        super().__init__()
        self._props["state"] = state

    def show(self, state: str) -> None:
        if state != self._props["state"]:
            self._props["state"] = state
            self.update()
