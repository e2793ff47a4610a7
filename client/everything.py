"""The picture that `client.py watch` keeps up to date: coordinator, nodes, runs and the latest events, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from client.columns import align
from client.event_commands import event_line
from client.results import COMPLETED
from client.status import count, headline, store_line, summary, work_note
from rpc.messages import Activity, EventRow, NodeRow, Overview, WorkRow

_BAR = 12
_FRAME = 9  # lines that are neither nodes nor runs nor events
_WIDE = 100  # columns from which on there is room for more of a node


@dataclass(frozen=True)
class Picture:
    """What is known.

    Attributes:
        away_s: since when the coordinator, or its store, has not answered, in seconds; 0: both do.
        away: which of them that is.
    """

    server: str
    overview: Overview
    events: Sequence[EventRow] = ()
    away_s: float = 0.0
    away: str = ""


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
        *_runs(overview.work, n_runs),
        Line(),
        *(Line(event_line(row), "dim") for row in list(picture.events)[len(picture.events) - n_events :]),
    ]
    lines = [*lines[: height - 1], Line("Ctrl-C ends watching; the runs go on", "dim")]
    return [Line(_cut(line.text, width), line.style, line.state) for line in lines]


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
    shown = overview.nodes if len(overview.nodes) <= most else overview.nodes[: most - 1]
    doing: dict[str, list[Activity]] = {}
    for activity in overview.activities:
        doing.setdefault(activity.node, []).append(activity)
    head = ["node", "state", "busy", *(("done", "failed", "speed", "cpu") if width >= _WIDE else ("done",)), "doing"]
    rows = [_node(node, doing.get(node.id, []), width) for node in shown]
    first, *others = align([head, *rows], n_words=len(head))
    yield Line(first, "bold")
    yield from (Line(text, "", node.state) for text, node in zip(others, shown, strict=True))
    if len(shown) < len(overview.nodes):
        yield Line(f"and {count(len(overview.nodes) - len(shown), 'more node')}", "dim")


def _node(node: NodeRow, doing: Sequence[Activity], width: int) -> list[str]:
    more = [str(node.failed), f"{node.speed:.2f}/s" if node.speed else "-", f"{100 * node.cpu:.0f} %"]
    work = [f"{each.work}/{each.round}/{each.shard}" for each in doing]
    note = work[0] + (f" and {len(work) - 1} more" if len(work) > 1 else "") if work else node.reason
    return [
        node.id,
        node.state,
        f"{node.running}/{node.slots}",
        str(node.done),
        *(more if width >= _WIDE else []),
        note,
    ]


def _runs(work: Sequence[WorkRow], most: int) -> Iterator[Line]:
    if not work:
        yield Line("no run so far", "dim")
        return
    shown = work[:most]
    head, *rows = align([("run", "state", "round", "", "error", "name"), *map(_run, shown)], n_words=6)
    yield Line(head, "bold")
    yield from (Line(text, "", row.state) for text, row in zip(rows, shown, strict=True))


def _run(row: WorkRow) -> list[str]:
    error = "-" if row.validation_error is None else f"{row.validation_error:.4f}"
    note = work_note(row) or row.name
    return [row.id, row.state, f"{row.round}/{row.rounds}", _bar(row), error, note]


def _bar(row: WorkRow) -> str:
    share = min(1.0, row.tasks_done / max(1, row.tasks_total))
    full = _BAR if row.state == COMPLETED else round(_BAR * share)
    return "━" * full + "─" * (_BAR - full)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
