"""What somebody does on a page: asked back where it cannot be undone, done, and said how it went."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import ui

from client.times import moment
from rpc.errors import TrainerError
from rpc.messages import Why
from web.door import Door
from web.pages.frame import heading
from web.pages.words import shown

logger = logging.getLogger(__name__)

Act = Callable[[], Awaitable[Any]]


async def attempt(act: Act, done: str = "") -> bool:
    """Do something; tell how it went, and return whether it went well."""
    client = ui.context.client
    try:
        await act()
    except TrainerError as error:
        with client:
            ui.notify(shown(str(error)), timeout=10_000, close_button="Close")
        return False
    if done:
        with client:
            ui.notify(done)
    return True


def button(text: str, act: Act, *, style: str = "plain") -> ui.button:
    """A button; `style` is plain, main, danger or quiet."""
    made = ui.button(text, on_click=act, color=None).props("flat no-caps no-ripple")
    return made.classes(replace=style)


async def confirmed(question: str, about: str, yes: str) -> bool:
    """Ask back; return whether somebody said yes."""
    with ui.dialog() as dialog, ui.card():
        dialog.props["aria-label"] = question
        heading(question, 2)
        ui.label(shown(about)).classes("soft")
        with ui.element("div").classes("acts-bar"):
            button("No", _answer(dialog, False))
            button(yes, _answer(dialog, True), style="main")
    answer = await dialog
    dialog.delete()
    return bool(answer)


async def tell_why(door: Door, kind: str, name: str) -> None:
    """Show why something is as it is, and what to do about it."""
    found: list[Why] = []

    async def ask() -> None:
        found.append(await door.call("why", kind, name))

    if await attempt(ask):
        with ui.dialog(value=True) as dialog, ui.card():
            dialog.props["aria-label"] = "why"
            heading(shown(found[0].answer), 2)
            with ui.element("ul").classes("why").props("tabindex=0"):
                for reason in found[0].reasons:
                    _reason(reason.about, reason.text, [moment(reason.at_ms), reason.advice])
            with ui.element("div").classes("acts-bar"):
                button("Close", _answer(dialog, None), style="main")


def _reason(about: str, text: str, more: Sequence[str]) -> None:
    with ui.element("li"):
        ui.label(shown(about)).classes("about")
        ui.label(shown(text, 2000))
        for each in filter(None, more):
            ui.label(shown(each, 2000)).classes("soft")


def _answer(dialog: ui.dialog, answer: bool | None) -> Act:
    async def say() -> None:
        dialog.submit(answer)

    return say
