"""The compute nodes: all of them, one, and orders about them."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from client.status import by_state
from client.times import moment
from rpc.errors import NotFound
from rpc.messages import EventQuery, NodeRow, Overview
from web.latest import Seen
from web.pages.acting import attempt, button, confirmed, tell_why
from web.pages.console import Console
from web.pages.event_rows import COLUMNS, event_row
from web.pages.feeds import follow
from web.pages.frame import frame, head, panel
from web.pages.node_rows import ALL, node_row, orders_for
from web.pages.routes import page
from web.pages.tiles import Tiles
from web.pages.words import memory, shown
from web.widgets.badge import Badge
from web.widgets.curve import Curves
from web.widgets.field import Field
from web.widgets.rows import Rows

_ASKED_BACK = {"remove": "It goes now, and is not taken back by itself. What runs there is done elsewhere."}
_EVENTS = 50


def add(console: Console) -> None:
    @page(console, "/nodes", "/workers")
    async def nodes() -> None:
        now = await console.glance()
        with frame("Nodes", console.live, where="/nodes"):
            with head("Nodes"):
                summary = ui.label("").classes("spring")
            with panel("Nodes"):
                table = Rows(
                    ALL,
                    label="nodes",
                    empty="No node is known. Start one, and name it in compute_nodes.txt or have it join:",
                    command="python compute_node.py 9091",
                    on_act=lambda node, order: _order(console, node, order),
                )
                with ui.element("div").classes("bar"):
                    address = Field(
                        "address", "Add a node that listens at", hint="HOST:PORT, as the coordinator reaches it"
                    )

                    async def add_it() -> None:
                        await _add(console, address)

                    button("Add", add_it)

            def show(now: Overview) -> None:
                summary.text = shown(by_state(now.nodes))
                table.show([node_row(each, console.load) for each in now.nodes])

            show(now)
            follow(console.overview(), lambda seen: show(seen.now) if seen.now else None)

    @page(console, "/nodes/{name}")
    async def node(name: str) -> None:
        its_id = _found(name, (await console.glance()).nodes).id
        await _build(console, its_id)


async def _build(console: Console, its_id: str) -> None:
    row = _found(its_id, (await console.glance()).nodes)
    events = await console.shared.call("list_events", EventQuery(node=its_id, limit=_EVENTS, notable=True))
    with frame(row.id, console.live, where="/nodes"):
        with head(row.name or row.id, ("Nodes", "/nodes")):
            badge = Badge(row.state)
            with ui.element("div").classes("acts-bar") as acts:
                pass
        reason = ui.label("").classes("note")
        tiles = Tiles(("Slots busy", "CPU", "Memory", "Disk", "Tasks done", "Failed"))
        with ui.element("div").classes("board"):
            with panel("CPU", size="half"), ui.element("div").classes("panel-body"):
                cpu = Curves(label="CPU in use", across="seconds", bounds=(0, 100))
            with panel("Memory", size="half"), ui.element("div").classes("panel-body"):
                used = Curves(label="memory in use", across="seconds", bounds=(0, 100))
            with panel("About"), ui.element("div").classes("panel-body"), ui.element("dl").classes("facts"):
                _facts(row)
            with panel("What happened"):
                Rows(
                    COLUMNS,
                    [event_row(each) for each in reversed(events.events)],
                    label="events",
                    empty="Nothing notable has happened.",
                )
        offered: list[str] = []

        def show(row: NodeRow) -> None:
            badge.show(row.state)
            reason.text = shown(row.reason)
            reason.visible = bool(row.reason)
            tiles.show(_figures(row))
            for curve, name, seen in (
                (cpu, "CPU, %", console.load.cpu(row.id)),
                (used, "memory, %", console.load.memory(row.id)),
            ):
                curve.show({name: [(2 * (n - len(seen) + 1), 100 * value) for n, value in enumerate(seen)]})
            if offered != [*orders_for(row)]:
                offered[:] = orders_for(row)
                acts.clear()
                with acts:
                    _buttons(console, row.id, offered)

        def seen(told: Seen[Overview]) -> None:
            for each in told.now.nodes if told.now else ():
                if each.id == its_id:
                    show(each)

        show(row)
        if not offered:
            with acts:
                _buttons(console, row.id, ())
        follow(console.overview(), seen)


def _buttons(console: Console, node: str, orders: Sequence[str]) -> None:
    async def why() -> None:
        await tell_why(console.door, "node", node)

    button("Why", why)
    for order in orders:

        async def give(order: str = order) -> None:
            await _order(console, node, order)

        button(order.capitalize(), give, style="danger" if order == "remove" else "plain")


async def _order(console: Console, node: str, order: str) -> None:
    if order in _ASKED_BACK and not await confirmed(
        f"{order.capitalize()} {shown(node, 80)}?", _ASKED_BACK[order], order.capitalize()
    ):
        return

    async def give() -> None:
        await console.door.call("order_node", node, order, "on the dashboard")

    await attempt(give, "Done.")


async def _add(console: Console, address: Field) -> None:
    address.complain("" if ":" in address.text else "write HOST:PORT")
    if ":" not in address.text:
        return

    async def dial() -> None:
        await console.door.call("add_node", address.text[:300])

    await attempt(dial, "The coordinator dials it from now on.")


def _found(name: str, nodes: Sequence[NodeRow]) -> NodeRow:
    for row in nodes:
        if name in (row.id, row.name, row.identity):
            return row
    raise NotFound(f"no node is called {name[:200]!r}; the page of nodes lists them")


def _facts(row: NodeRow) -> None:
    labels = ", ".join(f"{name}={value}" for name, value in row.labels.items())
    gpus = "; ".join(gpu.name for gpu in row.gpus)
    classes = ", ".join(f"{name}: {value}" for name, value in row.numeric_classes.items())
    facts = {
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
    for name, text in facts.items():
        if text:
            with ui.element("dt"):
                ui.label(name)
            with ui.element("dd"):
                ui.label(shown(text, 1000))


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
