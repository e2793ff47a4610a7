"""Files dropped or chosen in the browser, sent to the interface for programs with how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui.element import Element


class DropZone(Element, component="drop_zone.js"):
    """A place to drop files at."""

    def __init__(
        self,
        url: str,
        *,
        label: str,
        hint: str,
        accept: str = "",
        many: bool = False,
        raw: bool = False,
        waits: bool = False,
        on_sent: Callable[[list[dict[str, Any]]], Any],
    ) -> None:
        """Files go to `url` at once, unless it waits for `send`; `on_sent` gets the answers, each with `name`.

        Args:
            raw: the body is the file; else a form with the field `file`.
        """
        super().__init__()
        for name, value in {"url": url, "label": label, "hint": hint, "accept": accept}.items():
            self._props[name] = value
        for name, is_so in {"many": many, "raw": raw, "waits": waits}.items():
            self._props[name] = is_so
        self.n_chosen = 0
        self.on("chosen", self._note)
        self.on("sent", lambda event: on_sent([each for each in event.args if isinstance(each, dict)]))

    def send(self, fields: Mapping[str, str]) -> None:
        """Send what was chosen, with these fields beside it."""
        self.run_method("send", dict(fields))

    def _note(self, event: Any) -> None:
        self.n_chosen = len(event.args)
