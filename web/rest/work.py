"""Work of both kinds: lists, one piece, its end, and why it is as it is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from rpc.messages import WorkFilter, WorkRow
from web.rest.door import ItsDoor
from web.rest.paging import Before, Limit, Page

router = APIRouter(prefix="/work", tags=["work"])

State = Literal["pending", "running", "completed", "failed", "cancelled"]
Kind = Literal["run", "verify", "script"]


@router.get("")
async def list_work(
    door: ItsDoor,
    state: Annotated[list[State] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    owner: str = "",
    before: Before = 0,
    limit: Limit = 100,
) -> Page[WorkRow]:
    """Runs and jobs, the newest first."""
    wanted = WorkFilter(tuple(state or ()), owner, before, limit, tuple(kind or ()))
    rows: tuple[WorkRow, ...] = await door.call("page_work", wanted)
    return Page(items=list(rows), next=rows[-1].number if len(rows) == limit else None)
