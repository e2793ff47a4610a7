"""The tables of `client.py status`: nodes and runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rpc.messages import NodeRow, Overview, WorkRow

_STYLES = {
    "ready": "green",
    "completed": "green",
    "running": "cyan",
    "connecting": "yellow",
    "quarantined": "yellow",
    "lost": "red",
    "failed": "red",
}
_NUMBERS = frozenset({"slots", "run", "done", "rej", "fail", "tasks/s", "round", "tasks", "error"})
_NODE_HEAD = ("node", "state", "slots", "run", "done", "rej", "fail", "tasks/s", "device", "reason")
_WORK_HEAD = ("run", "name", "state", "round", "tasks", "error", "submitted", "reason")
_WIDE = 400  # nothing is cut in a pipe: whoever reads it can


def print_status(overview: Overview, stream: TextIO) -> None:
    """Print the tables: as wide as the terminal, or as wide as they are where `stream` is none."""
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        console = Console(file=stream, highlight=False, width=_WIDE)
    # Captured, because rich ends the program by itself when it writes to a pipe that nobody reads any more.
    with console.capture() as captured:
        console.print(
            f"coordinator {overview.version}, policy {overview.policy}, up {_duration(overview.uptime_s)}, "
            f"{_count(len(overview.nodes), 'node')}, {_count(len(overview.work), 'run')}"
        )
        if overview.nodes:
            console.print(_table(_NODE_HEAD, [_node(node) for node in overview.nodes]))
        if overview.work:
            console.print(_table(_WORK_HEAD, [_work(row) for row in overview.work]))
    stream.write(captured.get())


def status_as_json(overview: Overview) -> dict[str, Any]:
    """Return the same as plain types."""
    return dataclasses.asdict(overview)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="bold")
    for name in head:
        wraps = name == "reason"
        table.add_column(
            name,
            justify="right" if name in _NUMBERS else "left",
            no_wrap=not wraps,
            overflow="fold" if wraps else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return table


def _node(node: NodeRow) -> list[str]:
    counts = (node.slots, node.running, node.done, node.rejected, node.failed)
    name = node.id if node.name in ("", node.id) else f"{node.name} ({node.id})"
    speed = f"{node.speed:.2f}" if node.speed else "-"
    return [name, node.state, *map(str, counts), speed, node.device, node.reason]


def _work(row: WorkRow) -> list[str]:
    return [
        row.id,
        row.name,
        row.state,
        f"{row.round}/{row.rounds}",
        f"{row.tasks_done}/{row.tasks_total}",
        "-" if row.validation_error is None else f"{row.validation_error:.4f}",
        f"{datetime.fromtimestamp(row.submitted_ms / 1000):%m-%d %H:%M}",
        row.reason or (f"waiting for {row.waiting_for}" if row.waiting_for else ""),
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
