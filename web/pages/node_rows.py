"""Nodes as rows of tables."""

from __future__ import annotations

from client.sizes import size
from rpc.messages import NodeRow
from web.pages.history import Load
from web.pages.words import memory, shown
from web.widgets.rows import Cell, Column, Row, link

GLANCE = (Column("node", "name"), Column("state"), Column("slots"), Column("cpu"), Column("done", "number"))
ALL = (
    Column("node", "name"),
    Column("state"),
    Column("slots"),
    Column("cpu"),
    Column("memory"),
    Column("disk"),
    Column("gpu"),
    Column("speed", "number"),
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
        _cpu(node, load),
        f"{node.done:,}",
    ]
    return {"key": node.id, "cells": cells, "tone": _tone(node)}


def node_row(node: NodeRow, load: Load) -> Row:
    labels = [f"{name}={value}" if value else name for name, value in node.labels.items() if name not in _USUAL]
    cells: list[Cell] = [
        link(node.name or node.id, "nodes", node.id),
        {"state": node.state},
        _slots(node),
        _cpu(node, load),
        {"share": node.memory_used_bytes / node.memory_total_bytes, "text": size(node.memory_used_bytes)}
        if memory(node)
        else "",
        _disk(node),
        _gpus(node),
        f"{node.speed:.2f}/s" if node.speed else "",
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


def _cpu(node: NodeRow, load: Load) -> Cell:
    known = load.cpu(node.id)
    if len(known) > 1:
        return {"spark": known, "full": 1, "text": f"CPU, now {100 * node.cpu:.0f} %"}
    return f"{100 * node.cpu:.0f} %" if node.heard_ms else ""


def _disk(node: NodeRow) -> Cell:
    if not node.disk_total_bytes:
        return ""
    used = 1 - node.disk_free_bytes / node.disk_total_bytes
    return {"share": used, "text": f"{size(node.disk_free_bytes)} free"}


def _gpus(node: NodeRow) -> Cell:
    if not node.gpus:
        return ""
    busy = sum(gpu.busy for gpu in node.gpus) / len(node.gpus)
    return {"share": busy, "text": f"{len(node.gpus)} x {shown(node.gpus[0].name, 40)}"}
