"""One line about an id that nobody knows, with the known one that is most like it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from rpc.errors import NotFound


def unknown(what: str, wanted: str, known: Iterable[str]) -> NotFound:
    """Return the error that says so; `what` is run, task or node."""
    near = get_close_matches(wanted, list(known), n=1, cutoff=0.5)
    where = "`client.py nodes list` lists them" if what == "node" else "`client.py status` lists the runs"
    hint = f"do you mean {near[0]}?" if near else where
    return NotFound(f"no {what} is called {wanted!r}; {hint}")
