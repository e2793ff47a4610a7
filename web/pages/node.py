"""One compute node: what it does, how busy its machine is, what is known of it."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from client.times import moment
from rpc.errors import NotFound
from rpc.messages import EventPage, EventQuery, NodeRow, Overview
from web.latest import Seen
from web.pages.console import Console, Consoles
from web.pages.event_rows import COLUMNS, event_row
from web.pages.feeds import follow
from web.pages.frame import facts, frame, head, panel
from web.pages.history import used
from web.pages.node_acts import NodeActs
from web.pages.routes import page
from web.pages.tiles import Tiles
from web.pages.words import memory, shown
from web.widgets.badge import Badge
from web.widgets.curve import Curves
from web.widgets.rows import Rows

_EVENTS = 50
_TILES = ("Slots busy", "CPU", "Memory", "Disk", "Tasks done", "Failed")
_TITLES = {"CPU": "CPU", "memory": "Memory", "disk": "Disk", "GPU": "GPU"}


def add(consoles: Consoles) -> None:
    @page(consoles, "/nodes/{name}")
    async def node(console: Console, name: str) -> None:
        row = _found(name, (await console.glance()).nodes)
        query = EventQuery(node=row.id, limit=_EVENTS, notable=True)
        NodePage(console, row, await console.shared.call("list_events", query)).build()


class NodePage:
    """The page of one node, as somebody looks at it."""

    def __init__(self, console: Console, row: NodeRow, events: EventPage) -> None:
        self._console = console
        self._row = row
        self._past = events
        self._curves: dict[str, Curves] = {}

    def build(self) -> None:
        """Build all of it, and have it follow the node."""
        row = self._row
        with frame(row.id, self._console.live, where="/nodes"):
            with head(row.name or row.id, ("Nodes", "/nodes")):
                self._badge = Badge(row.state)
                self._acts = NodeActs(self._console.door, row.id)
            self._reason = ui.label("").classes("note")
            self._tiles = Tiles(_TILES)
            self._parts = ui.element("div").classes("board")
            with ui.element("div").classes("board"):
                with panel("About"), ui.element("div").classes("panel-body"):
                    _facts(row)
                with panel("What happened"):
                    past = [event_row(each) for each in reversed(self._past.events)]
                    Rows(COLUMNS, past, label="events", empty="Nothing notable has happened.")
            self._show(row)
            follow(self._console.overview(), self._see)

    def _see(self, told: Seen[Overview]) -> None:
        for each in told.now.nodes if told.now else ():
            if each.id == self._row.id:
                self._show(each)

    def _show(self, row: NodeRow) -> None:
        self._badge.show(row.state)
        self._acts.show(row)
        self._reason.text = shown(row.reason)
        self._reason.visible = bool(row.reason)
        self._tiles.show(_figures(row))
        for part in used(row):
            known = self._console.load.of(row.id, part)
            points = [(2 * (n - len(known) + 1), 100 * share) for n, share in enumerate(known)]
            self._curve(part).show({f"{part}, %": points})

    def _curve(self, part: str) -> Curves:
        """The curve of a part of the machine; a new one if its node tells of it for the first time."""
        if part not in self._curves:
            size = "half" if self._row.gpus else "third"
            with self._parts, panel(_TITLES[part], size=size), ui.element("div").classes("panel-body"):
                self._curves[part] = Curves(label=f"{part} in use", across="seconds", bounds=(0, 100))
        return self._curves[part]


def _found(name: str, nodes: Sequence[NodeRow]) -> NodeRow:
    for row in nodes:
        if name in (row.id, row.name, row.identity):
            return row
    raise NotFound(f"no node is called {name[:200]!r}; the page of nodes lists them")


def _facts(row: NodeRow) -> None:
    labels = ", ".join(f"{name}={value}" for name, value in row.labels.items())
    gpus = "; ".join(gpu.name for gpu in row.gpus)
    classes = ", ".join(f"{name}: {value}" for name, value in row.numeric_classes.items())
    known = {
        "id": row.id,
        "address": row.address,
        "identity": row.identity,
        "how it came": row.source,
        "version": row.version,
        "device": row.device,
        "GPUs": gpus,
        "labels": labels,
        "numeric classes": classes,
        "heard": moment(row.heard_ms),
        "quarantined until": moment(row.until_ms),
    }
    facts(known)


def _figures(row: NodeRow) -> list[tuple[str, str]]:
    free = 100 * row.disk_free_bytes / row.disk_total_bytes if row.disk_total_bytes else 0.0
    held = 100 * row.memory_used_bytes / row.memory_total_bytes if row.memory_total_bytes else 0.0
    return [
        (f"{row.running} / {row.slots}", f"{row.speed:.2f} tasks a second" if row.speed else ""),
        (f"{100 * row.cpu:.0f} %", shown(row.device, 40)),
        (f"{held:.0f} %", memory(row)),
        (f"{free:.0f} % free", shown(row.labels.get("scripts", ""), 40)),
        (f"{row.done:,}", ""),
        (f"{row.failed:,}", f"{row.rejected:,} turned down"),
    ]
