"""What can be done with a job on its page."""

from __future__ import annotations

from nicegui import ui

from client.jobs import anew, job_of
from client.keys import new_key
from client.results import FINAL_STATES
from rpc.messages import WorkDetail, WorkRow
from web.pages.acting import attempt, button, confirmed, tell_why
from web.pages.console import Console
from web.widgets.rows import path

_CANCEL_S = 30.0


class JobActs:
    """The buttons in the head of a job's page."""

    def __init__(self, console: Console, row: WorkRow) -> None:
        self._door = console.door
        self._id = row.id
        with ui.element("div").classes("acts-bar"):
            button("Why", self._why)
            self._retry = button("Run again", self._again)
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
            detail: WorkDetail = await self._door.call("get_work", self._id)
            started.append(await self._door.call("submit_script", anew(job_of(detail).spec, new_key())))

        if await attempt(again):
            ui.navigate.to(path("jobs", started[0]))

    async def _ask_cancel(self) -> None:
        if await confirmed(
            "Cancel this job?", "Its program has some seconds to end by itself; its log stays.", "Cancel the job"
        ):

            async def cancel() -> None:
                await self._door.call("cancel_work", self._id, "on the dashboard", waits_s=_CANCEL_S)

            await attempt(cancel, "The job is cancelled.")

    async def _ask_remove(self) -> None:
        if await confirmed(
            "Remove this job?", "Its log and what it has left are forgotten; nobody can undo that.", "Remove"
        ):

            async def remove() -> None:
                await self._door.call("remove_work", (self._id,))

            if await attempt(remove):
                ui.navigate.to("/jobs")
