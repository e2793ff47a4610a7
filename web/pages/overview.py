"""The first page: what runs, what waits and why, the nodes at a glance."""

from __future__ import annotations

from nicegui import ui

from rpc.messages import Overview
from web.door import Door
from web.pages.frame import frame


def add(door: Door) -> None:
    @ui.page("/")
    async def overview() -> None:
        now: Overview = await door.call("glance", 10)
        with frame("Overview"):
            ui.label(f"{len(now.nodes)} nodes, {now.running} running, {now.pending} waiting")
            for row in now.work:
                ui.label(f"{row.id} {row.name} {row.state}")
