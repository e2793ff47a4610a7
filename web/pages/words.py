"""What the pages say of work and nodes: short words for the cells of tables."""

from __future__ import annotations

import time
from collections.abc import Mapping

from client.sizes import size
from client.status import rounds_of, work_note
from rpc.messages import NodeRow, WorkRow
from rpc.plain_text import plain
from web.rest.names import JOBS

_LONGEST = 400


def shown(text: str, most: int = _LONGEST) -> str:
    """Return a text of others as it may stand anywhere: no control characters, and not without end."""
    told = plain(text[: most + 1].replace("\n", " "))
    return told if len(told) <= most else told[:most] + "…"


def rate(error: float | None) -> str:
    """Return a share as per cent."""
    return "" if error is None else f"{100 * error:.2f} %"


def kind_path(row: WorkRow) -> str:
    """Where the page of a run or job is: the first part of its path."""
    return "jobs" if row.kind in JOBS else "runs"


def note(row: WorkRow) -> str:
    """Why it is as it is, as far as its row tells."""
    return shown(work_note(row))


def share(row: WorkRow) -> float:
    """How much of a run is done, 0..1."""
    if row.tasks_total:
        return row.tasks_done / row.tasks_total
    return row.round / row.rounds if row.rounds else 0.0


def eta_s(row: WorkRow) -> float | None:
    """How many more seconds a run should take, by how long its rounds took up to now; None: nobody knows."""
    if row.state != "running" or not row.started_ms or row.round < 1 or row.rounds <= row.round:
        return None
    spent = time.time() - row.started_ms / 1000
    return max(0.0, spent / row.round * (row.rounds - row.round))


def rounds(row: WorkRow) -> str:
    return rounds_of(row).replace("/", " / ")


def memory(row: NodeRow) -> str:
    return f"{size(row.memory_used_bytes)} of {size(row.memory_total_bytes)}" if row.memory_total_bytes else ""


def setting(value: object) -> str:
    """Return the value of a setting."""
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={each}" for name, each in value.items()) or "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def seconds(value: float) -> str:
    """Return a duration as the tables of the browser write it."""
    whole = int(value)
    if whole < 60:
        return f"{value:.1f} s" if value < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
