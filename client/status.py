"""What `client.py status` shows on one screen: the coordinator, its store, its nodes, the queue and the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TextIO

from client.columns import Column, table
from client.oddities import odd_first
from client.results import FINAL_STATES, seconds_of
from client.style import Style
from client.times import duration, took
from rpc.messages import NodeRow, Overview, WorkRow

_NODE_COLUMNS = (
    Column("node"),
    Column("state"),
    Column("slots", is_number=True, spare=3),
    Column("running", is_number=True, spare=1),
    Column("done", is_number=True, spare=2),
    Column("rejected", is_number=True, spare=4),
    Column("failed", is_number=True),
    Column("speed", is_number=True, spare=1),
)
_WORK_COLUMNS = (
    Column("id"),
    Column("name", cuts=24),
    Column("state"),
    Column("submitted", spare=3),
    Column("took", is_number=True, spare=2),
    Column("round", is_number=True),
    Column("tasks", is_number=True, spare=2),
    Column("error", is_number=True),
)
_USUAL_DEVICES = ("", "auto", "cpu", "numpy", "numba")  # those of a CPU, which say nothing new
_MEMBERS = ("completed", "failed", "cancelled", "running", "pending")  # states, in the order of telling
_MOST_NODES = 10
_MOST_RUNS = {"running": 6, "pending": 4, "ended": 5}
_MOST_OTHERS = 4


def print_status(overview: Overview, stream: TextIO) -> None:
    """Print nodes and runs, each with a second line where there is more to say of it."""
    style = Style(stream)
    for line in _lines(overview, style):
        print(line, file=stream)


def headline(overview: Overview) -> str:
    """The coordinator in a line."""
    return f"coordinator {overview.version}, policy {overview.policy}, up {duration(overview.uptime_s)}"


def summary(overview: Overview) -> str:
    """How many nodes and runs there are, by state."""
    runs = f"{overview.running} at work, {overview.pending} waiting"
    nodes = count(len(overview.nodes), "node")
    return f"{runs}; {nodes}: {by_state(overview.nodes)}" if overview.nodes else f"{runs}; {nodes}"


def by_state(nodes: Sequence[NodeRow]) -> str:
    """How many of the nodes are in which state."""
    states = Counter(node.state for node in nodes)
    return ", ".join(f"{number} {state}" for state, number in states.most_common())


def store_line(overview: Overview) -> tuple[str, str]:
    """How the store is, and the colour for that."""
    if overview.store_fault:
        return f"store paused, nothing can be remembered now: {overview.store_fault}", "red"
    return f"store well: {overview.store}", ""


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def rounds_of(row: WorkRow) -> str:
    """How many of its rounds are done; a script job has none."""
    return f"{row.round}/{row.rounds}" if row.rounds else "-"


def work_note(row: WorkRow) -> str:
    """What is to say of a run besides its figures."""
    return row.reason or members_line(row.members) or (f"waiting for {row.waiting_for}" if row.waiting_for else "")


def members_line(members: Mapping[str, int]) -> str:
    """How many jobs of an array are in which state; nothing for other work."""
    return ", ".join(f"{members[state]:,} {state}" for state in _MEMBERS if members.get(state))


def _lines(overview: Overview, style: Style) -> Iterator[str]:
    store, colour = store_line(overview)
    for line, its_colour in ((headline(overview), ""), (store, colour), (summary(overview), "")):
        yield from (style.paint(part, its_colour) for part in style.wrap(line))
    nodes, others = odd_first(overview.nodes, _MOST_NODES)
    if nodes:
        yield ""
        lines = table(_NODE_COLUMNS, [*map(_node, nodes)], style.width)
        yield from _table(lines, [(node.state, _node_note(node)) for node in nodes], style)
        hint = f": {by_state(others)}; `client.py nodes list` lists all"
        yield from _more(len(others), "node", hint, style)
    work = list(_shown(overview.work))
    if work:
        yield ""
        lines = table(_WORK_COLUMNS, [*map(_work, work)], style.width)
        yield from _table(lines, [(row.state, work_note(row)) for row in work], style)
        waiting = overview.pending - sum(row.state == "pending" for row in work)
        if waiting > 0:
            hint = f"and {waiting} more that wait; `client.py why run|job ID` says why one does"
            yield style.paint(style.fit(hint), "dim")


def _shown(work: Sequence[WorkRow]) -> Iterator[WorkRow]:
    """As many of each state as fit one screen."""
    seen = Counter[str]()
    for row in work:
        kind = "ended" if row.state in FINAL_STATES else row.state
        seen[kind] += 1
        # A coordinator of a later version may know other states.
        if seen[kind] <= _MOST_RUNS.get(kind, _MOST_OTHERS):
            yield row


def _table(lines: Sequence[str], notes: Sequence[tuple[str, str]], style: Style) -> Iterator[str]:
    """The head, and for each row its line and what is to be said of it; `notes` are states and that."""
    head, *rows = lines
    yield style.paint(style.fit(head), "bold")
    for line, (state, note) in zip(rows, notes, strict=True):
        yield style.paint_word(style.fit(line), state)
        if note:
            yield style.paint(style.fit(f"    {note}"), "dim")


def _more(number: int, noun: str, hint: str, style: Style) -> Iterator[str]:
    if number > 0:
        yield style.paint(style.fit(f"and {count(number, f'more {noun}')}{hint}"), "dim")


def _node(node: NodeRow) -> list[str]:
    counts = (node.slots, node.running, node.done, node.rejected, node.failed)
    return [node.id, node.state, *map(str, counts), f"{node.speed:.2f}/s" if node.speed else "-"]


def _node_note(node: NodeRow) -> str:
    about = [
        node.reason,  # first: of a line that is cut it would be missed most
        node.name if node.name != node.id else "",
        node.device if node.device not in _USUAL_DEVICES else "",
    ]
    return "; ".join(filter(None, about))


def _work(row: WorkRow) -> list[str]:
    return [
        row.id,
        row.name,
        row.state,
        f"{datetime.fromtimestamp(row.submitted_ms / 1000):%Y-%m-%d %H:%M}",
        took(seconds_of(row)) if row.ended_ms else "-",
        rounds_of(row),
        f"{row.tasks_done}/{row.tasks_total}",
        "-" if row.validation_error is None else f"{row.validation_error:.4f}",
    ]
