"""One field of a form, with what is wrong with it beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nicegui.element import Element
from nicegui.events import GenericEventArguments

_MOST_BYTES = 900_000  # the socket ends at a message of 1,000,000, and the page with it


class Field(Element, component="field.js"):
    """A native input.

    Attributes:
        name: unique on its page.
        value: what is in it, a text or for a check a bool.
        fault: why what is in it did not come here; empty: it did.
    """

    def __init__(
        self,
        name: str,
        label: str,
        value: str | bool = "",
        *,
        kind: str = "text",
        choices: Sequence[str] | None = None,
        hint: str = "",
        on_said: Callable[[], object] | None = None,
    ) -> None:
        """`kind` is text, area, check, or a type of input as HTML has it; `choices` make it a list to choose from."""
        super().__init__()
        self.name = name
        self.value: str | bool = value
        self.fault = ""
        for key, said in {
            "name": name,
            "label": label,
            "kind": kind,
            "hint": hint,
            "value": value,
            "most": _MOST_BYTES,
            "error": "",
        }.items():
            self._props[key] = said
        if choices is not None:
            self._props["choices"] = list(choices)
        self._on_said = on_said
        self.on("said", self._note)
        self.on("long", self._note_long)

    @property
    def text(self) -> str:
        """What was typed, without blanks around it."""
        return str(self.value).strip()

    def complain(self, error: str) -> None:
        """Show what is wrong; nothing: all is well."""
        if error != self._props["error"]:
            self._props["error"] = error
            self.update()

    def _note(self, event: GenericEventArguments) -> None:
        self.value = event.args if isinstance(event.args, bool) else str(event.args)
        if self.fault:
            self.fault = ""
            self.complain("")
        if self._on_said is not None:
            self._on_said()

    def _note_long(self) -> None:
        self.fault = f"this is more than the {_MOST_BYTES:,} bytes that a field takes; send it in a ZIP"
        self.complain(self.fault)
