"""Pages and their paths; what cannot be shown is said on a page of its own."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec

from nicegui import ui

from rpc.errors import NotFound, TrainerError
from web.pages.console import Console
from web.pages.frame import frame, head
from web.pages.words import shown

P = ParamSpec("P")
Build = Callable[P, Awaitable[None]]


def page(console: Console, *paths: str) -> Callable[[Build[P]], Build[P]]:
    """Have a page at these paths. It asks for what it shows before it builds anything."""

    def add(build: Build[P]) -> Build[P]:
        @functools.wraps(build)
        async def built(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                await build(*args, **kwargs)
            except TrainerError as error:
                _tell(console, error)

        for path in paths:
            ui.page(path)(built)
        return build

    return add


def _tell(console: Console, error: TrainerError) -> None:
    title = "Not found" if isinstance(error, NotFound) else "Not to be shown now"
    with frame(title, console.live):
        with head(title):
            pass
        ui.label(shown(str(error), 2000)).classes("note bad")
        ui.link("Go to the overview", "/")
