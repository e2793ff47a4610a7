"""The form for a new script job: a ZIP dropped there, or code typed in."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any

from nicegui import ui
from pydantic import ValidationError

from rpc.errors import TrainerError
from rpc.messages import SANDBOXES
from rpc.script_spec import NETWORKS
from web.bundles import Sent, start_code, times_of
from web.door import Door
from web.pages.acting import button
from web.pages.console import Console, Consoles
from web.pages.form import Form, Said
from web.pages.frame import frame, head, panel
from web.pages.routes import page
from web.pages.words import shown
from web.rest.door import session_of
from web.rest.job_models import OVERLAPS, NewJob
from web.widgets.drop_zone import DropZone
from web.widgets.field import Field
from web.widgets.rows import path

_MB = 1_000_000
_SETTINGS = {"timeout_s": float, "cpus": float, "gpus": int, "priority": int, "retries": int}


def add(consoles: Consoles) -> None:
    @page(consoles, "/jobs/new")
    async def new_job(console: Console) -> None:
        with frame("New job", console.live, where="/jobs"):
            with head("New job", ("Jobs", "/jobs")):
                pass
            await NewJobPage(console.door).build()


class NewJobPage:
    """The form as somebody fills it in."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def build(self) -> None:
        with ui.element("div").classes("board"):
            with panel("Program", beside="a ZIP with main.py, or code"), ui.element("div").classes("panel-body form"):
                with ui.element("div").classes("all"):
                    self._drop = DropZone(
                        "/api/v1/jobs/bundle",
                        label="Drop a ZIP here, or choose one",
                        hint="up to 50 MB; its main.py is run",
                        accept=".zip,application/zip",
                        waits=True,
                        on_sent=self._started,
                    )
                with ui.element("div").classes("all"):
                    self._code = Field(
                        "code",
                        "Or Python code",
                        kind="area",
                        hint="what it writes to out/ is kept; PROGRESS: {...} lines become curves",
                    )
            with (
                panel("Settings", beside="what is left empty is as the node has it"),
                ui.element("div").classes("panel-body"),
            ):
                self._fields()
                self._fault = ui.label("").classes("error").props('role="alert"')
                with ui.element("div").classes("acts-bar"):
                    button("Start the job", self._start, style="main")

    def _fields(self) -> None:
        self._form = form = Form()
        with ui.element("div").classes("form"):
            form.add("name", "Name", hint="how lists call it")
            form.add("main", "Program in the ZIP", "", hint="main.py, if empty")
            form.add("timeout_s", "Timeout, seconds", hint="none for a ZIP, 60 for code, if empty")
            form.add("memory_mb", "Memory, MB")
            form.add("cpus", "CPUs")
            form.add("gpus", "GPUs")
            form.add("network", "Network", NETWORKS[0], choices=NETWORKS)
            form.add("sandbox", "Sandbox", "", choices=("", *SANDBOXES))
            form.add("priority", "Priority", hint="larger ones go first")
            form.add("retries", "Retries", hint="3, if empty; when a node dies")
            form.add("arguments", "Arguments", hint="as in a shell: with blanks between them")
            form.add("requirements", "Requirements", hint="with code: packages, with blanks between them")
            form.add("array", "Array", hint="a job for each of 1-100; 1-100%4: four at a time")
            form.add("after", "After", hint="jobs that must have completed first; JOB:any: ended")
            form.add("cron", "Again and again", hint="at these times, as */15 6-18 * * 1-5 or @daily")
            form.add("cron_tz", "Time zone of these", hint="UTC, if empty")
            form.add("cron_overlap", "While the one before runs", "skip", choices=OVERLAPS)

    async def _start(self) -> None:
        self._fault.text = ""
        self._code.complain(self._code.fault)
        said = self._form.said(_SETTINGS)
        settings = said.of(*_SETTINGS, "network", "sandbox", "array")
        if after := said.texts["after"].split():
            settings["after"] = after
        if memory := said.number("memory_mb", int):
            settings["memory_bytes"] = memory * _MB
        arguments = _words(said, "arguments")
        if self._drop.n_chosen and said.texts["requirements"]:
            said.faults["requirements"] = "a ZIP brings a requirements.txt of its own"
        if self._form.complain(said.faults) or self._code.fault:
            return
        if self._drop.n_chosen and self._code.text:
            self._code.complain("either a ZIP or code: empty this, or load the page again")
        elif self._drop.n_chosen:
            self._send_bundle(said, settings, arguments)
        elif self._code.text:
            await self._send_code(said, settings, arguments)
        else:
            self._code.complain("type a program here, or drop a ZIP above")

    def _send_bundle(self, said: Said, settings: dict[str, Any], arguments: list[str]) -> None:
        fields = {"name": said.texts["name"], "main_entry": said.texts["main"], "settings": json.dumps(settings)}
        fields |= {"arguments": json.dumps(arguments), **_times(said)}
        self._drop.send({name: value for name, value in fields.items() if value})

    async def _send_code(self, said: Said, settings: dict[str, Any], arguments: list[str]) -> None:
        body = {
            "code": str(self._code.value),
            "name": said.texts["name"],
            "settings": settings,
            "arguments": arguments,
            "requirements": "\n".join(said.texts["requirements"].split()),
            **_times(said),
        }
        try:
            made = await asyncio.to_thread(_submit, self._door, NewJob.model_validate(body))
        except ValidationError as error:
            if not self._form.complain({str(each["loc"][-1]): str(each["msg"]) for each in error.errors()}):
                self._code.complain(shown(str(error.errors()[0]["msg"])))
        except TrainerError as error:
            self._fault.text = shown(str(error))
        else:
            self._see(made)

    def _started(self, answers: list[dict[str, Any]]) -> None:
        self._see(str(answers[0].get("id", "")))

    def _see(self, made: str) -> None:
        """Lead to what was made; schedules are below the list of jobs."""
        is_again = bool(self._form.said({}).texts["cron"])
        ui.navigate.to("/jobs" if is_again else path("jobs", made))


def _words(said: Said, name: str) -> list[str]:
    """The words of a field, in quotes where there are blanks in one."""
    try:
        return shlex.split(said.texts[name])
    except ValueError:
        said.faults[name] = "a quote is not closed"
        return []


def _times(said: Said) -> dict[str, str]:
    """When it is to be started again and again, if it is."""
    names = ("cron", "cron_tz", "cron_overlap") if said.texts["cron"] else ()
    return {name: said.texts[name] for name in names}


def _submit(door: Door, wanted: NewJob) -> str:
    """On a thread, with a session of its own; return the id of the job, or of the schedule."""
    sent = Sent(
        name=wanted.name,
        arguments=tuple(wanted.arguments),
        requirements=wanted.requirements,
        settings=wanted.settings.said(),
        times=times_of(wanted.cron, wanted.cron_tz, wanted.cron_overlap),
    )
    with session_of(door) as session:
        return start_code(session, wanted.code, sent)
