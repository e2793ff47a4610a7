"""The log of a job, of any size: the browser asks for the pieces that are looked at."""

from __future__ import annotations

from nicegui.element import Element


class LogView(Element, component="log_view.js"):
    """A log; what it says is shown as text."""

    def __init__(self, job_id: str, size: int, *, has_ended: bool) -> None:
        """`size` in bytes is how much of it there is."""
        super().__init__()
        self._props["job"] = job_id
        self._props["size"] = size
        self._props["ended"] = has_ended

    def grow(self, size: int, *, has_ended: bool = False) -> None:
        """Tell that there is more of it."""
        self._props["size"] = max(size, self._props["size"])
        self._props["ended"] = has_ended
        self.update()
