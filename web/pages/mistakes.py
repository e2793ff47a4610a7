"""Which classes the model of a run takes for which: the confusion matrix on its validation set."""

from __future__ import annotations

import asyncio
from functools import partial

import numpy as np
from nicegui import ui
from numpy.typing import NDArray

from client.judging import confusion_of
from client.results import COMPLETED
from rpc.errors import TrainerError
from rpc.messages import WorkDetail
from web.door import Door
from web.pages.console import Console
from web.pages.frame import panel
from web.pages.words import shown
from web.rest.door import session_of
from web.widgets.matrix import Matrix

_KEPT_S = 3600.0  # the model of a run that is completed does not change
_MOST_CLASSES = 64
_LETTERS = 26


class Mistakes:
    """A panel that is filled once the run is completed."""

    def __init__(self, console: Console, run_id: str) -> None:
        self._console = console
        self._id = run_id
        self._is_shown = False
        with panel("Confusion matrix", size="two-thirds", beside="what each class of the validation set was taken for"):
            self._body = ui.element("div").classes("panel-body")
        self._say("Known once the run is completed.")

    async def show(self, detail: WorkDetail) -> None:
        """Fill it, if the run is completed and it is not filled yet."""
        if self._is_shown or detail.row.state != COMPLETED or detail.row.kind != "run":
            return
        self._is_shown = True
        make = partial(asyncio.to_thread, _confusion, self._console.door, self._id)
        try:
            matrix = await self._console.shared.made(("confusion", self._id), make, _KEPT_S)
        except TrainerError as error:
            self._say(shown(str(error)))
            return
        if len(matrix) > _MOST_CLASSES:
            self._say(f"{len(matrix)} classes are more than a page shows; /api/v1/runs/{self._id}/confusion has all.")
            return
        self._body.clear()
        with self._body:
            Matrix(matrix.tolist(), _names(len(matrix)))
            wrong = int(matrix.sum() - np.trace(matrix))
            ui.label(f"{wrong:,} of {int(matrix.sum()):,} rows are taken for another class.").classes("soft")

    def _say(self, text: str) -> None:
        self._body.clear()
        with self._body:
            ui.label(text).classes("none")


def _confusion(door: Door, run_id: str) -> NDArray[np.int64]:
    """On a thread, with a session of its own."""
    with session_of(door) as session:
        return confusion_of(session.run(run_id))[1]


def _names(n_classes: int) -> list[str]:
    """Letters where there are as many classes, else numbers."""
    return [chr(ord("A") + n) if n_classes == _LETTERS else str(n) for n in range(n_classes)]
