"""What every page has: its head with the way to the other pages, light or dark, and what to say when all is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

_PAGES = {"Overview": "/", "Runs": "/runs", "Jobs": "/jobs", "Nodes": "/nodes", "Events": "/events"}


@contextmanager
def frame(title: str) -> Iterator[None]:
    """Build a page around what is built inside."""
    ui.page_title(f"{title} - Roundhouse")
    dark = ui.dark_mode(None)
    with ui.header().classes("items-center"):
        ui.label("Roundhouse").classes("text-lg font-bold")
        for name, path in _PAGES.items():
            ui.link(name, path).classes("text-white")
        ui.space()
        ui.button(icon="dark_mode", on_click=dark.toggle).props('flat round color=white aria-label="light or dark"')
    with ui.column().classes("w-full max-w-screen-xl mx-auto p-4"):
        yield
