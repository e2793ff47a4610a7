"""Tables of rows: what runs, nodes, events, whatever else comes in many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import quote

from nicegui.element import Element
from nicegui.events import GenericEventArguments

# A text, or what the component makes of one of these keys: `href` and `text`; `state`; `ago`, `until`, `clock` or
# `since`, in ms since 1970; `took` seconds; `spark` numbers, up to `full`, with `label` and maybe `text`; `share` of 1
# with `text`; `words`; `links`, each with `href` and `text`; `acts` to be clicked.
Cell = str | int | dict[str, Any] | None


class Row(TypedDict, total=False):
    """A row; `key` is what it is known by, `tone` marks it as a whole."""

    key: str
    cells: Sequence[Cell]
    tone: str


@dataclass(frozen=True, slots=True)
class Column:
    """Attributes: kind, how its cells stand: `text`, `number`, `mono`, `long` (takes what room there is)."""

    head: str
    kind: str = "text"


class Rows(Element, component="rows.js", esm={"roundhouse": "shared"}):
    """A table. All that its rows say is shown as text."""

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Sequence[Row] = (),
        *,
        label: str,
        empty: str = "There is nothing.",
        command: str = "",
        on_act: Callable[[str, str], Any] | None = None,
        on_pick: Callable[[list[str]], Any] | None = None,
    ) -> None:
        """`empty` is said where there are no rows, with a command to begin with."""
        super().__init__()
        self._props["columns"] = [{"head": each.head, "kind": each.kind} for each in columns]
        self._props["rows"] = rows
        self._props["label"] = label
        self._props["empty"] = empty
        self._props["command"] = command
        self._props["picks"] = on_pick is not None
        if on_act is not None:
            self.on("act", lambda event: on_act(str(event.args["key"]), str(event.args["act"])))
        if on_pick is not None:
            self.on("pick", lambda event: on_pick(_keys(event)))

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows instead."""
        if rows != self._props["rows"]:
            self._props["rows"] = rows
            self.update()

    def say_empty(self, text: str) -> None:
        """Say this where there are no rows."""
        if text != self._props["empty"]:
            self._props["empty"] = text
            self.update()


def link(text: str, *parts: str) -> Cell:
    """Return a cell that leads to a page of ours, whatever its parts are called."""
    return {"text": text, "href": path(*parts)}


def path(*parts: str) -> str:
    """Return the path of a page of ours."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _keys(event: GenericEventArguments) -> list[str]:
    return [str(each) for each in event.args][:1000]
