"""What can be done about a node: why it is as it is, and orders."""

from __future__ import annotations

from nicegui import ui

from rpc.messages import NodeRow
from web.door import Door
from web.pages.acting import attempt, button, confirmed, tell_why
from web.pages.node_rows import orders_for
from web.pages.words import shown

_ASKED_BACK = {"remove": "It goes now, and is not taken back by itself. What runs there is done elsewhere."}


class NodeActs:
    """The buttons in the head of a node's page."""

    def __init__(self, door: Door, node: str) -> None:
        self._door = door
        self._node = node
        self._offered: tuple[str, ...] | None = None
        self._bar = ui.element("div").classes("acts-bar")

    def show(self, row: NodeRow) -> None:
        """Offer what makes sense now."""
        orders = orders_for(row)
        if orders == self._offered:
            return
        self._offered = orders
        self._bar.clear()
        with self._bar:
            button("Why", self._why)
            for order in orders:
                self._offer(order)

    def _offer(self, order: str) -> None:
        async def give() -> None:
            await give_order(self._door, self._node, order)

        button(order.capitalize(), give, style="danger" if order == "remove" else "plain")

    async def _why(self) -> None:
        await tell_why(self._door, "node", self._node)


async def give_order(door: Door, node: str, order: str) -> None:
    """Give an order about a node; ask back first where it cannot be undone."""
    question = f"{order.capitalize()} {shown(node, 80)}?"
    if order in _ASKED_BACK and not await confirmed(question, _ASKED_BACK[order], order.capitalize()):
        return

    async def give() -> None:
        await door.call("order_node", node, order, "on the dashboard")

    await attempt(give, "Done.")
