"""The compute nodes: all, one, a new one, and orders about one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from rpc.errors import NotFound
from rpc.messages import NodeRow
from rpc.nearest import unknown
from rpc.run_spec import MAX_NAME
from web.rest.door import ItsDoor
from web.rest.models import Strict, Why
from web.rest.names import PRINTABLE

router = APIRouter(prefix="/nodes", tags=["nodes"])

NodeName = Annotated[
    str, Path(min_length=1, max_length=MAX_NAME, pattern=PRINTABLE, description="Its id, name or identity.")
]


class Address(Strict):
    """Attributes: address, `HOST:PORT` where the node listens, as the coordinator reaches it."""

    address: Annotated[str, Field(min_length=3, max_length=300, pattern=PRINTABLE)]


@router.get("")
async def list_nodes(door: ItsDoor) -> list[NodeRow]:
    """All nodes, also those that were removed."""
    rows: tuple[NodeRow, ...] = await door.call("list_nodes")
    return list(rows)


@router.post("", status_code=201)
async def add_node(door: ItsDoor, node: Address) -> NodeRow:
    """Have the coordinator dial a node from now on; of one that it dials already nothing changes."""
    row: NodeRow = await door.call("add_node", node.address)
    return row


@router.get("/{node}")
async def show_node(door: ItsDoor, node: NodeName) -> NodeRow:
    """All that is known of a node."""
    rows: tuple[NodeRow, ...] = await door.call("list_nodes")
    found = [row for row in rows if row.id == node] or [row for row in rows if node in (row.name, row.identity)]
    if len(found) > 1:
        raise NotFound(f"several nodes are called {node!r}; /api/v1/nodes lists them with their ids")
    if not found:
        raise unknown("node", node, {each for row in rows for each in (row.id, row.name) if each})
    return found[0]


@router.post("/{node}/{order}")
async def order_node(
    door: ItsDoor, node: NodeName, order: Literal["drain", "resume", "remove", "readmit"], why: Why | None = None
) -> NodeRow:
    """Give an order about a node.

    `drain`: it finishes what runs and gets nothing new. `remove`: it goes now, and is not taken back by itself.
    `resume`: neither holds any more. `readmit`: its quarantine is over.
    """
    row: NodeRow = await door.call("order_node", node, order, why.reason if why else "")
    return row
