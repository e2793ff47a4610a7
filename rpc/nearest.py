"""One line about an id that nobody knows, with the known one that is most like it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from rpc.errors import NotFound

_WHERE = {"node": "`client.py nodes list` lists them", "schedule": "`client.py schedules list` lists them"}

_ELSEWHERE = "`client.py runs list` or `client.py jobs list` lists them"


def unknown(what: str, wanted: str, known: Iterable[str]) -> NotFound:
    """Return the error that says so; `what` is run or job, task, node or schedule."""
    near = get_close_matches(wanted, list(known), n=1, cutoff=0.5)
    hint = f"do you mean {near[0]}?" if near else _WHERE.get(what, _ELSEWHERE)
    return NotFound(f"no {what} is called {wanted!r}; {hint}")
