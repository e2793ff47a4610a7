"""What the coordinator tells of everything at once: the overview, the events, and why something is as it is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from rpc.messages import EventPage, EventQuery, Overview, Why
from rpc.run_spec import MAX_NAME
from web.rest.door import ItsDoor
from web.rest.names import PRINTABLE
from web.rest.paging import Limit

router = APIRouter(tags=["overview"])

Of = Annotated[str, Query(max_length=MAX_NAME, pattern=PRINTABLE)]
Number = Annotated[int, Query(ge=0, lt=2**63)]
Thing = Annotated[
    str,
    Path(
        min_length=1,
        max_length=MAX_NAME,
        pattern=PRINTABLE,
        description="The id of a run or job; RUN/ROUND/SHARD of a task; id, name or identity of a node.",
    ),
]


@router.get("/overview")
async def overview(door: ItsDoor, runs: Annotated[int, Query(ge=0, le=1000)] = 10) -> Overview:
    """The nodes, and up to so many works of each: running, waiting in the order of the queue, ended."""
    now: Overview = await door.call("glance", runs)
    return now


@router.get("/events")
async def list_events(
    door: ItsDoor,
    work: Of = "",
    node: Of = "",
    since_ms: Number = 0,
    after: Number = 0,
    limit: Limit = 100,
    notable: bool = False,
) -> EventPage:
    """What happened: the newest of what is asked for, or what came `after` an event's number; `last` is the next one.

    `notable` leaves out rounds done and rejections, which would bury all others.
    """
    page: EventPage = await door.call("list_events", EventQuery(work, node, since_ms, after, limit, notable))
    return page


@router.get("/why/{kind}/{thing:path}")
async def why(door: ItsDoor, kind: Literal["run", "job", "task", "node"], thing: Thing) -> Why:
    """Why something is as it is, and what to do about it; of a task also each attempt."""
    answer: Why = await door.call("why", kind, thing)
    return answer
