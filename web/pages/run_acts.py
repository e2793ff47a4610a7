"""What can be done with a run on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nicegui import ui

from client.keys import new_key
from client.results import COMPLETED, FINAL_STATES
from client.settings import Changes, branch_spec
from rpc.messages import Checkpoint, RunSpec, WorkDetail, WorkRow
from web.pages.acting import Act, attempt, button, confirmed, tell_why
from web.pages.console import Console
from web.pages.frame import button_link, heading
from web.widgets.field import Field
from web.widgets.rows import path

_CANCEL_S = 30.0


class RunActs:
    """The buttons in the head of a run's page."""

    def __init__(self, console: Console, row: WorkRow, spec: RunSpec) -> None:
        self._console = console
        self._door = console.door
        self._row = row
        self._spec = spec
        self._checkpoints: Sequence[Checkpoint] = ()
        api = f"/api/v1{path('runs', row.id)}"
        with ui.element("div").classes("acts-bar"):
            button("Why", self._why)
            self._model = button_link("Model", f"{api}/model?format=safetensors")
            button_link("CSV", f"{api}/export?format=csv")
            self._branch = button("Branch…", self._ask_branch)
            self._resume = button("Resume", self._go_on)
            self._verify = button("Verify", self._start_verify)
            self._cancel = button("Cancel", self._ask_cancel, style="danger")
            self._remove = button("Remove", self._ask_remove, style="danger")

    def show(self, detail: WorkDetail, checkpoints: Sequence[Checkpoint]) -> None:
        """Offer what makes sense now."""
        self._row, self._checkpoints = detail.row, checkpoints
        state, has_stored = detail.row.state, bool(checkpoints)
        self._cancel.visible = state not in FINAL_STATES
        self._remove.visible = state in FINAL_STATES
        self._model.visible = self._verify.visible = state == COMPLETED and detail.row.kind == "run"
        self._branch.visible = has_stored
        self._resume.visible = has_stored and state in ("failed", "cancelled")

    async def _why(self) -> None:
        await tell_why(self._door, "run", self._row.id)

    async def _ask_cancel(self) -> None:
        about = "What its rounds brought up to now stays, and it can be resumed from its last stored round."
        if await confirmed("Cancel this run?", about, "Cancel the run"):

            async def cancel() -> None:
                await self._door.call("cancel_work", self._row.id, "on the dashboard", waits_s=_CANCEL_S)

            await attempt(cancel, "The run is cancelled.")

    async def _ask_remove(self) -> None:
        if await confirmed(
            "Remove this run?", "Its rounds and its models are forgotten; nobody can undo that.", "Remove"
        ):

            async def remove() -> None:
                await self._door.call("remove_work", (self._row.id,))

            if await attempt(remove):
                ui.navigate.to("/runs")

    async def _go_on(self) -> None:
        await self._start(0, {})

    async def _start_verify(self) -> None:
        started: list[str] = []

        async def verify() -> None:
            started.append(await self._door.call("verify_run", self._row.id, 0.1, 1, new_key()))

        if await attempt(verify):
            ui.navigate.to(path("runs", started[0]))

    async def _ask_branch(self) -> None:
        stored = [str(each.round) for each in reversed(self._checkpoints)]
        with ui.dialog(value=True) as dialog, ui.card():
            dialog.props["aria-label"] = "branch"
            heading("Go on from a stored round", 2)
            with ui.element("div").classes("form"):
                at = Field("branch-round", "From round", stored[0], choices=stored)
                rounds = Field("branch-rounds", "Rounds in all", str(self._spec.rounds), hint="with those before")
                epochs = Field("branch-epochs", "Epochs a round", str(self._spec.epochs))
                eta = Field("branch-eta", "Learning rate", str(self._spec.eta))

            async def start() -> None:
                if (changes := _changes(rounds, epochs, eta)) is not None:
                    await self._start(int(at.text), changes)

            with ui.element("div").classes("acts-bar"):
                button("Close", _closing(dialog))
                button("Start the branch", start, style="main")

    async def _start(self, from_round: int, changes: Changes) -> None:
        started: list[str] = []

        async def branch() -> None:
            spec = replace(branch_spec(self._spec, self._row.id, from_round, **changes), key=new_key())
            started.append(await self._door.call("submit_run", spec))

        if await attempt(branch):
            ui.navigate.to(path("runs", started[0]))


def _changes(rounds: Field, epochs: Field, eta: Field) -> Changes | None:
    """What was typed; None: something of it is no number, which is said beside it."""
    changes = Changes()
    is_well = True
    for field, key in ((rounds, "rounds"), (epochs, "epochs"), (eta, "eta")):
        try:
            value = float(field.text) if key == "eta" else int(field.text)
        except ValueError:
            field.complain("write a number")
            is_well = False
        else:
            field.complain("")
            changes[key] = value  # type: ignore[literal-required]
    return changes if is_well else None


def _closing(dialog: ui.dialog) -> Act:
    async def close() -> None:
        dialog.close()

    return close
