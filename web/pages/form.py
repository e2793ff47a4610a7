"""Fields that belong together, what was typed into them, and what is wrong with it beside each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from web.pages.words import shown
from web.widgets.field import Field

Read = Callable[[str], Any]


@dataclass
class Said:
    """What was typed. Attributes: faults, what is wrong with it by the names of the fields."""

    texts: dict[str, str]
    reads: Mapping[str, Read]
    faults: dict[str, str] = field(default_factory=dict)

    def number(self, name: str, read: Read) -> Any:
        """Return the number in a field; None: it is empty, or none, which is a fault."""
        text = self.texts[name].replace(",", "").replace("_", "")
        if not text:
            return None
        try:
            return read(text)
        except ValueError:
            self.faults[name] = f"{shown(text, 40)!r} is no {'whole number' if read is int else 'number'}"
            return None

    def of(self, *names: str) -> dict[str, Any]:
        """Return what was said of these; what is empty was not said."""
        values = {
            name: self.number(name, self.reads[name]) if name in self.reads else self.texts[name] for name in names
        }
        return {name: value for name, value in values.items() if value not in (None, "")}


class Form:
    """Fields by their names."""

    def __init__(self) -> None:
        self._fields: dict[str, Field] = {}

    def add(
        self,
        name: str,
        label: str,
        value: str | bool = "",
        *,
        hint: str = "",
        choices: Sequence[str] | None = None,
        kind: str = "text",
        on_said: Callable[[], object] | None = None,
    ) -> Field:
        """Add a field where the page is being built."""
        self._fields[name] = made = Field(name, label, value, hint=hint, choices=choices, kind=kind, on_said=on_said)
        return made

    def said(self, reads: Mapping[str, Read]) -> Said:
        """What is in the fields; `reads` tells which of them are numbers."""
        return Said({name: each.text for name, each in self._fields.items()}, reads)

    def is_checked(self, name: str) -> bool:
        return self._fields[name].value is True

    def complain(self, faults: Mapping[str, str]) -> bool:
        """Show what is wrong beside the fields; return whether there was something."""
        for name, each in self._fields.items():
            each.complain(each.fault or shown(faults.get(name, "")))
        return any(name in faults or each.fault for name, each in self._fields.items())

    def names(self) -> Iterable[str]:
        return self._fields.keys()
