"""What can be done with a job on its page."""

from __future__ import annotations

import asyncio

from nicegui import ui

from client.keys import new_key
from client.results import FINAL_STATES
from rpc.messages import WorkRow
from web.door import Door
from web.pages.acting import attempt, button, confirmed, tell_why
from web.pages.console import Console
from web.rest.door import session_of
from web.widgets.rows import path

_CANCEL_S = 30.0


class JobActs:
    """The buttons in the head of a job's page."""

    _noun = "job"
    _again_words = "Run again"
    _cancel_words = "Its program has some seconds to end by itself; its log stays."
    _remove_words = "Its log and what it has left are forgotten; nobody can undo that."

    def __init__(self, console: Console, row: WorkRow) -> None:
        self._door = console.door
        self._id = row.id
        with ui.element("div").classes("acts-bar"):
            button("Why", self._why)
            self._retry = button(self._again_words, self._again)
            self._cancel = button("Cancel", self._ask_cancel, style="danger")
            self._remove = button("Remove", self._ask_remove, style="danger")

    def show(self, row: WorkRow) -> None:
        """Offer what makes sense now."""
        has_ended = row.state in FINAL_STATES
        self._cancel.visible = not has_ended
        self._retry.visible = self._remove.visible = has_ended

    async def _why(self) -> None:
        await tell_why(self._door, "job", self._id)

    async def _again(self) -> None:
        started: list[str] = []

        async def again() -> None:
            started.append(await asyncio.to_thread(_retried, self._door, self._id))

        if await attempt(again):
            ui.navigate.to(path("jobs", started[0]))

    async def _ask_cancel(self) -> None:
        if await confirmed(f"Cancel this {self._noun}?", self._cancel_words, f"Cancel the {self._noun}"):

            async def cancel() -> None:
                await self._door.call("cancel_work", self._id, "on the dashboard", waits_s=_CANCEL_S)

            await attempt(cancel, f"The {self._noun} is cancelled.")

    async def _ask_remove(self) -> None:
        if await confirmed(f"Remove this {self._noun}?", self._remove_words, "Remove"):

            async def remove() -> None:
                await self._door.call("remove_work", (self._id,))

            if await attempt(remove):
                ui.navigate.to("/jobs")


class ArrayActs(JobActs):
    """Those in the head of an array's page."""

    _noun = "array"
    _again_words = "Run the failed ones again"
    _cancel_words = "Those of its jobs that run have some seconds to end by themselves; their logs stay."
    _remove_words = "The logs of its jobs and what they have left are forgotten; nobody can undo that."

    def show(self, row: WorkRow) -> None:
        super().show(row)
        self._retry.visible = self._retry.visible and bool(row.members.get("failed"))


def _retried(door: Door, name: str) -> str:
    """On a thread, with a session of its own; return the id of what is started anew."""
    with session_of(door) as session:
        return session.retry(name, new_key()).id
