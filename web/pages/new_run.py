"""The form for a new training run: its data, its hyperparameters, checked before it is started."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui
from pydantic import ValidationError

from mlcore.aggregation import AGGREGATIONS
from mlcore.schedules import SCHEDULES
from mlcore.server_rules import SERVER_OPTIMIZERS
from mlcore.settings import ACTIVATIONS, DTYPES, OPTIMIZERS
from rpc.errors import TrainerError
from web.door import Door
from web.pages.acting import button
from web.pages.console import Console, Consoles
from web.pages.form import Form, Said
from web.pages.frame import frame, head, panel
from web.pages.routes import page
from web.pages.words import shown
from web.rest.door import session_of
from web.rest.run_models import NewRun
from web.rest.runs import spec_of
from web.widgets.drop_zone import DropZone
from web.widgets.rows import path

_LETTERS, _RUN, _FILES = "the bundled letters", "the data of an earlier run", "files from here"
_NUMBERS = {
    "rounds": int,
    "epochs": int,
    "eta": float,
    "batch_size": int,
    "momentum": float,
    "weight_decay": float,
    "label_smoothing": float,
    "seed": int,
    "patience": int,
    "target_error": float,
    "max_time_s": float,
    "fraction": float,
    "priority": int,
    "min_nodes": int,
    "max_nodes": int,
    "keep_checkpoints": int,
    "prox_mu": float,
    "round_deadline_s": float,
}
_OF_RUN = ("rounds", "epochs", "eta", "name")
_CHOSEN = ("optimizer", "activation", "dtype", "eta_schedule", "server_optimizer", "aggregation", "owner")
_USUAL = {"rounds": "20", "epochs": "5", "hidden": "64", "eta": "0.05"}


def add(consoles: Consoles) -> None:
    @page(consoles, "/runs/new")
    async def new_run(console: Console, of: str = "") -> None:
        with frame("New run", console.live, where="/runs"):
            with head("New run", ("Runs", "/runs")):
                pass
            NewRunPage(console.door, of[:200]).build()


class NewRunPage:
    """The form as somebody fills it in."""

    def __init__(self, door: Door, of: str) -> None:
        self._door = door
        self._of = of
        self._form = Form()
        self._files: list[dict[str, Any]] = []

    def build(self) -> None:
        """Build all of it."""
        with ui.element("div").classes("board"):
            with panel("Data"), ui.element("div").classes("panel-body form"):
                self._build_data()
            with panel("Training"), ui.element("div").classes("panel-body"):
                with ui.element("div").classes("form"):
                    self._build_training()
                self._fault = ui.label("").classes("error").props('role="alert"')
                with ui.element("div").classes("acts-bar"):
                    button("Start the run", self._start, style="main")

    def _build_data(self) -> None:
        add = self._form.add
        choices = (_LETTERS, _RUN, _FILES)
        self._data = add("data", "Train on", _RUN if self._of else _LETTERS, choices=choices, on_said=self._offer)
        self._run = add("run", "Earlier run", self._of, hint="its id, for its data")
        hint = "the name of that one of the files; else the one called validate…"
        self._validation = add("validation", "Validation file", hint=hint)
        with ui.element("div").classes("all") as self._drop:
            DropZone(
                "/api/v1/blobs/new",
                label="Drop the data files here, or choose them",
                hint="a CSV for each shard, and one to validate with; they are sent at once",
                many=True,
                raw=True,
                on_sent=self._take,
            )

        self._offer()

    def _offer(self) -> None:
        """Show the fields of the data that was chosen."""
        self._run.visible = self._data.text == _RUN
        self._validation.visible = self._drop.visible = self._data.text == _FILES

    def _build_training(self) -> None:
        add = self._form.add
        add("name", "Name", hint="how lists call it")
        add("rounds", "Rounds", _USUAL["rounds"])
        add("epochs", "Epochs a round", _USUAL["epochs"])
        add("hidden", "Hidden layers", _USUAL["hidden"], hint="units of each, with commas")
        add("eta", "Learning rate", _USUAL["eta"], hint="gd sums over rows: far smaller there")
        add("optimizer", "Optimizer", "sgd", choices=OPTIMIZERS)
        add("batch_size", "Rows a step", hint="by the optimizer, if empty")
        add("seed", "Seed", "1")
        with ui.element("details").classes("more"):
            with ui.element("summary"):
                ui.label("More settings").classes("inline")
            with ui.element("div").classes("form"):
                self._build_more()

    def _build_more(self) -> None:
        add = self._form.add
        for name, label, choices in (
            ("activation", "Activation", ACTIVATIONS),
            ("dtype", "Numbers", DTYPES),
            ("eta_schedule", "Schedule of the rate", SCHEDULES),
            ("server_optimizer", "Server optimizer", SERVER_OPTIMIZERS),
            ("aggregation", "Aggregation", AGGREGATIONS),
        ):
            add(name, label, "", choices=("", *choices))
        for name, label in (
            ("momentum", "Momentum"),
            ("weight_decay", "Weight decay"),
            ("label_smoothing", "Label smoothing"),
            ("prox_mu", "Proximal term, mu"),
            ("patience", "Stop after so many rounds without gain"),
            ("target_error", "Stop at this error"),
            ("max_time_s", "Stop after seconds"),
            ("fraction", "Share of the shards a round"),
            ("round_deadline_s", "Deadline of a round, s"),
            ("keep_checkpoints", "Stored rounds"),
            ("min_nodes", "Nodes at least"),
            ("max_nodes", "Nodes at most"),
            ("priority", "Priority"),
            ("owner", "Owner"),
        ):
            add(name, label)
        add("standardize", "Standardize the features", False, kind="check")

    def _take(self, answers: list[dict[str, Any]]) -> None:
        self._files += [{key: each.get(key) for key in ("file", "blob", "size")} for each in answers]

    async def _start(self) -> None:
        self._fault.text = ""
        said = self._form.said(_NUMBERS)
        body = self._body(said)
        if self._form.complain(said.faults):
            return
        try:
            run = await asyncio.to_thread(_submit, self._door, NewRun.model_validate(body))
        except ValidationError as error:
            faults = {_field(each["loc"]): str(each["msg"]) for each in error.errors()}
            if not self._form.complain(faults):
                self._fault.text = shown("; ".join(f"{name}: {fault}" for name, fault in faults.items()))
        except TrainerError as error:
            self._blame(str(error))
        else:
            ui.navigate.to(path("runs", run))

    def _blame(self, message: str) -> None:
        """Show what the coordinator said beside the field that it names, if it does."""
        named = next((name for name in self._form.names() if message.startswith((f"{name} ", f"{name}:"))), "")
        if named:
            self._form.complain({named: message})
        else:
            self._fault.text = shown(message)

    def _body(self, said: Said) -> dict[str, Any]:
        settings = said.of(*(name for name in (*_NUMBERS, *_CHOSEN) if name not in _OF_RUN))
        if self._form.is_checked("standardize"):
            settings["standardize"] = True
        for name in _USUAL:
            if not said.texts[name] and name != "hidden":
                said.faults[name] = "say how much"
        return said.of(*_OF_RUN) | {"hidden": _widths(said), "data": self._data_of(said), "settings": settings}

    def _data_of(self, said: Said) -> dict[str, Any]:
        if said.texts["data"] == _LETTERS:
            return {"kind": "letters"}
        if said.texts["data"] == _RUN:
            if not said.texts["run"]:
                said.faults["run"] = "say which run"
            return {"kind": "run", "run": said.texts["run"]}
        named = said.texts["validation"]
        is_it = [
            each
            for each in self._files
            if each["file"] == named or (not named and str(each["file"]).startswith("validat"))
        ]
        if len(self._files) < 2 or len(is_it) != 1:
            said.faults["validation"] = "send the shards and one file to validate with, and say which that is"
            return {}
        shards = sorted((each for each in self._files if each is not is_it[0]), key=lambda each: str(each["file"]))
        return {"kind": "blobs", "shards": shards, "validation": is_it[0]}


def _widths(said: Said) -> list[int]:
    try:
        return [int(each) for each in said.texts["hidden"].replace(",", " ").split()]
    except ValueError:
        said.faults["hidden"] = "write whole numbers with commas between them, as 64, 32"
        return []


def _field(place: tuple[int | str, ...]) -> str:
    """The field that a place in the request is about."""
    names = [each for each in place if isinstance(each, str) and each not in ("settings", "data", "letters", "blobs")]
    return names[0] if names else "data"


def _submit(door: Door, wanted: NewRun) -> str:
    """On a thread, with a session of its own."""
    with session_of(door) as session:
        return session.start(spec_of(session, wanted, "")).id
