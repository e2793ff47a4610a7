"""Nodes as rows of tables."""

from __future__ import annotations

from client.sizes import size
from rpc.messages import NodeRow
from web.pages.history import Load, used
from web.pages.words import shown
from web.widgets.rows import Cell, Column, Row, link

GLANCE = (Column("node", "name"), Column("state"), Column("slots"), Column("CPU"), Column("done", "number"))
ALL = (
    Column("node", "name"),
    Column("state"),
    Column("slots"),
    Column("CPU"),
    Column("memory"),
    Column("disk"),
    Column("GPU"),
    Column("done", "number"),
    Column("rejected", "number"),
    Column("failed", "number"),
    Column("jobs in"),
    Column("labels"),
    Column("heard", "number"),
    Column("why", "long"),
    Column("", "acts"),
)
_ORDERS = {
    "ready": ("drain",),
    "draining": ("resume",),
    "drained": ("resume", "remove"),
    "quarantined": ("readmit", "remove"),
    "lost": ("remove",),
    "connecting": ("remove",),
    "removed": ("resume",),
    "leaving": (),
}
_PARTS = ("CPU", "memory", "disk", "GPU")
# What the system says of itself is on the page of the node.
_USUAL = ("scripts", "job-memory", "job-cpus", "job-network", "os", "arch", "python", "cpu", "cores", "memory")


def orders_for(node: NodeRow) -> tuple[str, ...]:
    """The orders that make sense for a node now."""
    return _ORDERS.get(node.state, ())


def glance_row(node: NodeRow, load: Load) -> Row:
    cells: list[Cell] = [
        link(node.name or node.id, "nodes", node.id),
        {"state": node.state},
        _slots(node),
        _use(node, "CPU", load),
        f"{node.done:,}",
    ]
    return {"key": node.id, "cells": cells, "tone": _tone(node)}


def node_row(node: NodeRow, load: Load) -> Row:
    labels = [f"{name}={value}" if value else name for name, value in node.labels.items() if name not in _USUAL]
    cells: list[Cell] = [
        link(node.name or node.id, "nodes", node.id),
        {"state": node.state},
        _slots(node),
        *(_use(node, part, load) for part in _PARTS),
        f"{node.done:,}",
        f"{node.rejected:,}",
        f"{node.failed:,}",
        shown(node.labels.get("scripts", "")),
        {"words": [shown(each, 60) for each in labels[:8]]} if labels else "",
        {"ago": node.heard_ms} if node.heard_ms else "",
        shown(node.reason),
        {"acts": list(orders_for(node))},
    ]
    return {"key": node.id, "cells": cells, "tone": _tone(node)}


def _tone(node: NodeRow) -> str:
    return "bad" if node.state in ("lost", "quarantined") else ""


def _slots(node: NodeRow) -> Cell:
    return {"share": node.running / node.slots, "text": f"{node.running} / {node.slots}"} if node.slots else ""


def _use(node: NodeRow, part: str, load: Load) -> Cell:
    """How much of a part of its machine a node used of late, with how much it is now."""
    share = used(node).get(part)
    if share is None or not node.heard_ms:
        return ""
    words, known = _now(node, part, share), load.of(node.id, part)
    if len(known) > 1:
        return {"spark": known, "full": 1, "text": words, "label": f"{part}, {words}"}
    return {"share": share, "text": words}


def _now(node: NodeRow, part: str, share: float) -> str:
    match part:
        case "memory":
            return size(node.memory_used_bytes)
        case "disk":
            return f"{size(node.disk_free_bytes)} free"
        case "GPU" if len(node.gpus) > 1:
            return f"{len(node.gpus)} x {100 * share:.0f} %"
        case _:
            return f"{100 * share:.0f} %"
