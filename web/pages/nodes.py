"""The compute nodes: all of them, a new one, and orders about them."""

from __future__ import annotations

from nicegui import ui

from client.status import by_state
from rpc.messages import Overview
from web.pages.acting import attempt, button
from web.pages.console import Console, Consoles
from web.pages.feeds import follow
from web.pages.frame import frame, head, panel
from web.pages.node_acts import give_order
from web.pages.node_rows import ALL, node_row
from web.pages.routes import page
from web.pages.words import shown
from web.widgets.field import Field
from web.widgets.rows import Rows


def add(consoles: Consoles) -> None:
    @page(consoles, "/nodes", "/workers")
    async def nodes(console: Console) -> None:
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
                    on_act=lambda node, order: give_order(console.door, node, order),
                )
                _add_bar(console)

            def show(now: Overview) -> None:
                summary.text = shown(by_state(now.nodes))
                table.show([node_row(each, console.load) for each in now.nodes])

            show(now)
            follow(console.overview(), lambda seen: show(seen.now) if seen.now else None)


def _add_bar(console: Console) -> None:
    """Where somebody has a node dialled from now on."""
    with ui.element("div").classes("bar"):
        address = Field("address", "Add a node that listens at", hint="HOST:PORT, as the coordinator reaches it")

        async def add_it() -> None:
            await _add(console, address)

        button("Add", add_it)


async def _add(console: Console, address: Field) -> None:
    address.complain("" if ":" in address.text else "write HOST:PORT")
    if ":" not in address.text:
        return

    async def dial() -> None:
        await console.door.call("add_node", address.text[:300])

    await attempt(dial, "The coordinator dials it from now on.")
