"""Runs and jobs in pages, by state; what both lists have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from nicegui import ui

from client.results import FINAL_STATES
from rpc.errors import BadRequest
from rpc.messages import WorkFilter, WorkRow
from web.pages.console import Console
from web.pages.feeds import look
from web.pages.frame import tabs
from web.widgets.rows import Row, Rows

PAGE = 50
STATES = ("pending", "running", "completed", "failed", "cancelled")
_LOOK_S = 2.0
_MOST_NUMBER = 2**62


@dataclass(frozen=True, slots=True)
class Shown:
    """What a list is to show.

    Attributes:
        before: only work with a lower number; 0: any.
        array: only jobs of this one; the path of the list says so.
    """

    state: str = ""
    owner: str = ""
    before: int = 0
    array: str = ""

    @classmethod
    def asked(cls, state: str, owner: str, before: str) -> Shown:
        """Return what a path asks for; BadRequest: its number is none."""
        if before and not (before.isascii() and before.isdigit()):
            raise BadRequest(f"before={before[:40]!r} is no number; without it a list begins with the newest")
        return cls(state, owner, int(before[:40] or 0))

    def filter(self, kinds: Sequence[str]) -> WorkFilter:
        states = (self.state,) if self.state in STATES else ()
        before = self.before if 0 < self.before < _MOST_NUMBER else 0
        return WorkFilter(states, self.owner[:200], before, PAGE, tuple(kinds), self.array)

    def path(self, base: str, **changes: str | int) -> str:
        """Return the path of a list that shows this, with changes."""
        said = {"state": self.state, "owner": self.owner, "before": self.before} | changes
        query = urlencode({name: value for name, value in said.items() if value})
        return f"{base}?{query}" if query else base


async def rows_of(console: Console, shown: Shown, kinds: Sequence[str]) -> tuple[WorkRow, ...]:
    rows: tuple[WorkRow, ...] = await console.shared.call("page_work", shown.filter(kinds))
    return rows


def filters(base: str, shown: Shown) -> None:
    """Links to the same list of other states."""
    choices = [("All", "")] + [(state.capitalize(), state) for state in STATES]
    tabs([(name, shown.path(base, state=state, before=0), shown.state == state) for name, state in choices], "by state")


def pager(base: str, shown: Shown, rows: Sequence[WorkRow]) -> None:
    """Links to the pages before and after this one."""
    if not shown.before and len(rows) < PAGE:
        return
    with ui.element("nav").classes("foot").props('aria-label="pages of the list"'):
        if shown.before:
            ui.link("Newest", shown.path(base, before=0)).classes("quiet")
        if len(rows) == PAGE:
            ui.link("Older", shown.path(base, before=rows[-1].number)).classes("quiet")


def keep_fresh(
    console: Console, shown: Shown, kinds: Sequence[str], table: Rows, row: Callable[[WorkRow], Row]
) -> None:
    """Have the table show what is so, as long as somebody looks."""

    async def see() -> bool:
        rows = await rows_of(console, shown, kinds)
        table.show([row(each) for each in rows])
        # An older page that has ended as a whole does not change any more.
        return not shown.before or any(each.state not in FINAL_STATES for each in rows)

    look(see, _LOOK_S)
