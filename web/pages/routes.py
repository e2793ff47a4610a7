"""Pages and their paths; what cannot be shown is said on a page of its own, or to programs as a problem."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec

from fastapi import Request, Response
from nicegui import Client, background_tasks, ui

from rpc.errors import BadRequest, NotFound, StoreDown, TrainerError, Unreachable
from rpc.messages import Overview
from web.credentials import is_open
from web.latest import Seen
from web.pages.console import Console, Consoles
from web.pages.feeds import follow
from web.pages.frame import frame, head
from web.pages.unopened import Unopened
from web.pages.words import shown
from web.problems import problem_of

P = ParamSpec("P")
Build = Callable[Concatenate[Console, P], Awaitable[None]]

_TITLES: dict[type[TrainerError], str] = {NotFound: "Not found", BadRequest: "Not understood"}
_FORGOTTEN_S = 2.0
_unopened = Unopened()
_PATIENCE_S = 60.0  # to build a page; the coordinator's calls end before, with words of ours


def page(consoles: Consoles, *paths: str) -> Callable[[Build[P]], Build[P]]:
    """Have a page at these paths, built with the console of whoever asks for it.

    It asks for what it shows before it builds anything.
    """

    def add(build: Build[P]) -> Build[P]:
        @functools.wraps(build)
        async def built(*args: P.args, **kwargs: P.kwargs) -> Response | None:
            client = ui.context.client
            if not _takes_pages(client.request):
                background_tasks.create(_forget(client), name="forget")
            console = consoles.of(client.request)
            try:
                await build(console, *args, **kwargs)
            except TrainerError as error:
                return _tell(console, client.request, error)
            finally:
                _unopened.add(client)
            return None

        # What is left is what the path and the query say.
        signature = inspect.signature(build)
        built.__signature__ = signature.replace(parameters=[*signature.parameters.values()][1:])  # type: ignore[attr-defined]
        for path in paths:
            ui.page(path, response_timeout=_PATIENCE_S)(built)
        return build

    return add


def unknown_path(consoles: Consoles) -> Callable[[Request], Response | None]:
    """Return what answers where there is no page."""

    def tell(request: Request) -> Response | None:
        _unopened.add(ui.context.client)
        error = NotFound(f"there is no page {request.url.path[:200]!r} here")
        if is_open(request.url.path):  # a page costs too much to be built for everybody
            return problem_of(error)
        return _tell(consoles.of(request), request, error)

    return tell


def _tell(console: Console, request: Request, error: TrainerError) -> Response | None:
    """Build the page that says so; whoever takes no pages is told otherwise."""
    told = problem_of(error)
    if not _takes_pages(request):
        return told
    ui.context.client.status_code = told.status_code
    title = _TITLES.get(type(error), "Not to be shown now")
    with frame(title, console.live):
        with head(title):
            pass
        ui.label(shown(str(error), 2000)).classes("note bad")
        ui.link("Go to the overview", "/")
        if isinstance(error, Unreachable | StoreDown):
            follow(console.live.overview(), _reload_when_back)
    return None


def _takes_pages(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


async def _forget(client: Client) -> None:
    """Take back what was built for a program, as a look at whether we live: it opens no socket, and holds 0.4 MB."""
    await asyncio.sleep(_FORGOTTEN_S)
    if not client.has_socket_connection:
        client.delete()


def _reload_when_back(seen: Seen[Overview]) -> None:
    if seen.now is not None and not seen.fault:
        ui.navigate.reload()
