"""What `client.py status` shows: the coordinator, its nodes, its runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from client.columns import align
from rpc.messages import NodeRow, Overview, WorkRow

_NODE_HEAD = ("node", "state", "slots", "running", "done", "rejected", "failed", "speed")
_WORK_HEAD = ("run", "name", "state", "submitted", "round", "tasks", "error")
_USUAL_DEVICES = ("", "auto", "cpu", "numpy", "numba")  # those of a CPU, which say nothing new
_STYLES = {
    "ready": "green",
    "completed": "green",
    "running": "cyan",
    "connecting": "yellow",
    "quarantined": "yellow",
    "lost": "red",
    "failed": "red",
}


def print_status(overview: Overview, stream: TextIO) -> None:
    """Print nodes and runs, each with a second line where there is more to say of it."""
    console = Console(file=stream, highlight=False)
    # Captured, because rich ends the program by itself when it writes to a pipe that nobody reads any more.
    with console.capture() as captured:
        for part in _parts(overview):
            console.print(part, soft_wrap=True)
    stream.write(captured.get())


def status_as_json(overview: Overview) -> dict[str, Any]:
    """Return the same as plain types."""
    return dataclasses.asdict(overview)


def _parts(overview: Overview) -> Iterator[Text]:
    yield Text(
        f"coordinator {overview.version}, policy {overview.policy}, up {_duration(overview.uptime_s)}, "
        f"{_count(len(overview.nodes), 'node')}, {_count(len(overview.work), 'run')}"
    )
    if overview.store_fault:
        yield Text(f"paused, nothing can be remembered now: {overview.store_fault}", style="red")
    if overview.nodes:
        yield Text()
        rows = [_node(node) for node in overview.nodes]
        states, notes = [node.state for node in overview.nodes], [_node_note(node) for node in overview.nodes]
        yield from _table(align([_NODE_HEAD, *rows], n_words=2), states, notes)
    if overview.work:
        yield Text()
        rows = [_work(row) for row in overview.work]
        states, notes = [row.state for row in overview.work], [_work_note(row) for row in overview.work]
        yield from _table(align([_WORK_HEAD, *rows], n_words=4), states, notes)


def _table(lines: Sequence[str], states: Sequence[str], notes: Sequence[str]) -> Iterator[Text]:
    head, *rows = lines
    yield Text(head, style="bold")
    for line, state, note in zip(rows, states, notes, strict=True):
        text = Text(line)
        text.highlight_words([state], _STYLES.get(state, ""))
        yield text
        if note:
            yield Text(f"    {note}", style="dim")


def _node(node: NodeRow) -> list[str]:
    counts = (node.slots, node.running, node.done, node.rejected, node.failed)
    return [node.id, node.state, *map(str, counts), f"{node.speed:.2f}/s" if node.speed else "-"]


def _node_note(node: NodeRow) -> str:
    about = [
        node.name if node.name != node.id else "",
        node.device if node.device not in _USUAL_DEVICES else "",
        node.reason,
    ]
    return "; ".join(filter(None, about))


def _work(row: WorkRow) -> list[str]:
    return [
        row.id,
        row.name,
        row.state,
        f"{datetime.fromtimestamp(row.submitted_ms / 1000):%Y-%m-%d %H:%M}",
        f"{row.round}/{row.rounds}",
        f"{row.tasks_done}/{row.tasks_total}",
        "-" if row.validation_error is None else f"{row.validation_error:.4f}",
    ]


def _work_note(row: WorkRow) -> str:
    return row.reason or (f"waiting for {row.waiting_for}" if row.waiting_for else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
