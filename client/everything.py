"""The picture that `client.py watch` keeps up to date: coordinator, nodes, runs and the latest events, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from client.columns import Column, cut, table
from client.event_commands import event_line
from client.jobs import SCRIPT
from client.oddities import odd_first
from client.results import COMPLETED
from client.status import by_state, count, headline, rounds_of, store_line, summary, work_note
from rpc.messages import Activity, EventRow, NodeRow, Overview, WorkRow
from rpc.plain_text import plain

_BAR = 12
_COUNTED = 10_000  # that are left out; the coordinator counts no more
_FRAME = 9  # lines that are neither nodes nor runs nor events
_NODE_COLUMNS = (
    Column("node"),
    Column("state"),
    Column("busy"),
    Column("done", spare=1),
    Column("failed", spare=2),
    Column("speed", spare=3),
    Column("cpu", spare=4),
    Column("doing", cuts=40),
)
_RUN_COLUMNS = (
    Column("id"),
    Column("state"),
    Column("round"),
    Column("", spare=1),
    Column("error"),
    Column("name", cuts=20),
)


@dataclass(frozen=True)
class Picture:
    """What is known.

    Attributes:
        away_s: since when the coordinator, or its store, has not answered, in seconds; 0: both do.
        away: which of them that is.
        left_out: events that came with the last ones, and were too many; not counted above 10,000.
    """

    server: str
    overview: Overview
    events: Sequence[EventRow] = ()
    away_s: float = 0.0
    away: str = ""
    left_out: int = 0


@dataclass(frozen=True)
class Line:
    """A line with the colour of all of it, and the word in it that has the colour of its state."""

    text: str = ""
    style: str = ""
    state: str = ""


def lines_of(picture: Picture, width: int, height: int) -> list[Line]:
    """Return what fits a terminal of this size."""
    overview = picture.overview
    room = max(6, height - _FRAME)
    n_runs = min(len(overview.work), max(2, room // 3))
    n_nodes = min(len(overview.nodes), max(2, room // 3))
    n_events = max(0, room - n_runs - n_nodes)
    lines = [
        *_head(picture),
        *_nodes(overview, n_nodes, width),
        Line(),
        *_runs(overview.work, n_runs, width),
        *_events(picture, n_events),
    ]
    lines = [*lines[: height - 1], Line("Ctrl-C ends watching; the work goes on", "dim")]
    return [Line(cut(plain(line.text), width), line.style, line.state) for line in lines]


def _head(picture: Picture) -> Iterator[Line]:
    overview = picture.overview
    yield Line(headline(overview), "bold")
    if picture.away_s:
        yield Line(f"{picture.away} has been away for {picture.away_s:.0f} s; trying again. This is how it was:", "red")
    else:
        yield Line(*store_line(overview))
    yield Line(summary(overview))
    yield Line()


def _nodes(overview: Overview, most: int, width: int) -> Iterator[Line]:
    fit = len(overview.nodes) <= most
    shown, others = odd_first(overview.nodes, most if fit else most - 1)
    doing: dict[str, list[Activity]] = {}
    for activity in overview.activities:
        doing.setdefault(activity.node, []).append(activity)
    head, *rows = table(_NODE_COLUMNS, [_node(node, doing.get(node.id, [])) for node in shown], width)
    yield Line(head, "bold")
    yield from (Line(text, "", node.state) for text, node in zip(rows, shown, strict=True))
    if others:
        yield Line(f"and {count(len(others), 'more node')}: {by_state(others)}", "dim")


def _node(node: NodeRow, doing: Sequence[Activity]) -> list[str]:
    work = [each.work if each.kind == SCRIPT else f"{each.work}/{each.round}/{each.shard}" for each in doing]
    note = work[0] + (f" and {len(work) - 1} more" if len(work) > 1 else "") if work else node.reason
    return [
        node.id,
        node.state,
        f"{node.running}/{node.slots}",
        str(node.done),
        str(node.failed),
        f"{node.speed:.2f}/s" if node.speed else "-",
        f"{100 * node.cpu:.0f} %",
        note,
    ]


def _runs(work: Sequence[WorkRow], most: int, width: int) -> Iterator[Line]:
    if not work:
        yield Line("no run or job so far", "dim")
        return
    shown = work[:most]
    head, *rows = table(_RUN_COLUMNS, [*map(_run, shown)], width)
    yield Line(head, "bold")
    yield from (Line(text, "", row.state) for text, row in zip(rows, shown, strict=True))


def _run(row: WorkRow) -> list[str]:
    error = "-" if row.validation_error is None else f"{row.validation_error:.4f}"
    note = work_note(row) or row.name
    return [row.id, row.state, rounds_of(row), _bar(row), error, note]


def _events(picture: Picture, most: int) -> Iterator[Line]:
    yield Line(left_out_line(picture.left_out), "yellow") if picture.left_out else Line()
    yield from (Line(event_line(row), "dim") for row in list(picture.events)[len(picture.events) - most :])


def left_out_line(number: int) -> str:
    """Say that so many events are not shown."""
    number_of = f"{number:,}" if number < _COUNTED else f"{_COUNTED:,} or more"
    return f"{number_of} events before these are left out; `client.py events --since 5m` tells the newest of them"


def _bar(row: WorkRow) -> str:
    share = min(1.0, row.tasks_done / max(1, row.tasks_total))
    full = _BAR if row.state == COMPLETED else round(_BAR * share)
    return "━" * full + "─" * (_BAR - full)
