"""What `client.py nodes` does: list the nodes, show one, take nodes in and out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial

from client.columns import Column
from client.connecting import connected
from client.operating import Order
from client.printing import print_facts, print_json, print_lines, print_table
from client.sizes import part, size
from client.times import moment
from rpc.errors import ExitCode
from rpc.messages import GpuUse, NodeRow

_COLUMNS = (
    Column("node"),
    Column("state"),
    Column("source", spare=4),
    Column("name", cuts=24),
    Column("slots", is_number=True, spare=3),
    Column("running", is_number=True, spare=2),
    Column("done", is_number=True, spare=1),
    Column("failed", is_number=True),
    Column("cpu", is_number=True, spare=5),
    Column("memory", is_number=True, spare=5),
    Column("disk free", is_number=True, spare=6),
)


def list_nodes(args: argparse.Namespace) -> int:
    """Print a line for each node."""
    with connected(args) as session:
        rows = session.nodes()
    if args.json:
        print_json(rows)
    else:
        print_table(_COLUMNS, [*map(_row, rows)], [row.state for row in rows])
    return ExitCode.DONE


def show_node(args: argparse.Namespace) -> int:
    """Print all that is known of a node."""
    with connected(args) as session:
        row = session.node(args.node)
    if args.json:
        print_json(row)
    else:
        print_facts(list(_facts(row)))
    return ExitCode.DONE


def add_node(args: argparse.Namespace) -> int:
    """Have a node dialled."""
    with connected(args) as session:
        _tell(session.add_node(args.address), args)
    return ExitCode.DONE


def order(wanted: Order, args: argparse.Namespace) -> int:
    """Give an order about a node."""
    with connected(args) as session:
        _tell(session.order_node(args.node, wanted, args.reason), args)
    return ExitCode.DONE


def _tell(row: NodeRow, args: argparse.Namespace) -> None:
    if args.json:
        print_json(row)
    else:
        print_lines([f"{row.id}: {row.state}"])


def _row(row: NodeRow) -> list[str]:
    name = row.name if row.name != row.id else "-"
    counts = map(str, (row.slots, row.running, row.done, row.failed))
    return [row.id, row.state, row.source, name, *counts, *_use(row)]


def _use(row: NodeRow) -> list[str]:
    """What is in use, as its last heartbeat told; nothing before that."""
    if not row.memory_total_bytes:
        return ["-", "-", "-"]
    memory = f"{row.memory_used_bytes / row.memory_total_bytes:.0%}"
    return [f"{row.cpu:.0%}", memory, size(row.disk_free_bytes) if row.disk_total_bytes else "-"]


def _facts(row: NodeRow) -> Iterator[tuple[str, str]]:
    """What there is to say, as pairs of words."""
    yield "node", row.id
    yield "state", row.state
    facts = {
        "reason": row.reason,
        "quarantined until": moment(row.until_ms),
        "name": row.name,
        "identity": row.identity,
        "source": row.source,
        "address": row.address,
        "version": row.version,
        "device": row.device,
        "slots": f"{row.slots}, {row.running} in use" if row.slots else "",
        "tasks": f"{row.done} done, {row.rejected} rejected, {row.failed} failed" if row.slots else "",
        "speed": f"{row.speed:.2f} tasks/s" if row.speed else "",
        "last heard": moment(row.heard_ms),
        "cpu": f"{row.cpu:.0%} in use" if row.memory_total_bytes else "",
        "memory": _in_use(row.memory_used_bytes, row.memory_total_bytes),
        "disk": f"{part(row.disk_free_bytes, row.disk_total_bytes)} free" if row.disk_total_bytes else "",
        "cache": f"{size(row.cache_bytes)} kept" if row.cache_bytes else "",
    }
    yield from ((name, text) for name, text in facts.items() if text)
    yield from ((f"gpu {number}", _gpu(gpu)) for number, gpu in enumerate(row.gpus))
    yield from ((f"label {name}", text) for name, text in sorted(row.labels.items()))
    yield from ((f"class {name}", text) for name, text in sorted(row.numeric_classes.items()))


def _in_use(some: int, total: int) -> str:
    return f"{part(some, total)} in use" if total else ""


def _gpu(gpu: GpuUse) -> str:
    return f"{gpu.name}, {gpu.busy:.0%} busy, {part(gpu.memory_used_bytes, gpu.memory_total_bytes)} in use"


NODE_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "nodes list": list_nodes,
    "nodes add": add_node,
    "nodes show": show_node,
    "nodes drain": partial(order, "drain"),
    "nodes resume": partial(order, "resume"),
    "nodes remove": partial(order, "remove"),
    "nodes readmit": partial(order, "readmit"),
}
