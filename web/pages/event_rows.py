"""Events as rows of a table."""

from __future__ import annotations

from client.story import shard_name
from rpc.messages import EventRow
from web.pages.words import shown
from web.widgets.rows import Cell, Column, Row, link

COLUMNS = (
    Column("at", "mono"),
    Column("what"),
    Column("work"),
    Column("where"),
    Column("message", "long"),
)
_TROUBLE = frozenset({"failed", "lost", "node lost", "quarantined", "damaged"})


def event_row(event: EventRow) -> Row:
    where = [
        event.node,
        f"round {event.round}" if event.round else "",
        shard_name(event.shard) if event.shard >= 0 else "",
    ]
    place = "jobs" if event.work.startswith("job") else "runs"
    cells: list[Cell] = [
        {"clock": event.at_ms},
        event.kind,
        link(event.work, place, event.work) if event.work else "",
        shown(", ".join(filter(None, where)), 100),
        shown(event.message),
    ]
    return {"key": str(event.number), "cells": cells, "tone": "bad" if event.kind in _TROUBLE else ""}
