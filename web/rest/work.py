"""Work of both kinds in one list, and its removal."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from rpc.messages import WorkRow
from web.rest.door import ItsDoor
from web.rest.models import Ids
from web.rest.names import Owner
from web.rest.paging import Before, Limit, Page, page_of

router = APIRouter(prefix="/work", tags=["work"])

State = Literal["pending", "running", "completed", "failed", "cancelled"]
Kind = Literal["run", "verify", "script", "array"]


@router.get("")
async def list_work(
    door: ItsDoor,
    state: Annotated[list[State] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    owner: Owner = "",
    before: Before = 0,
    limit: Limit = 100,
) -> Page[WorkRow]:
    """Runs and jobs, the newest first."""
    return await page_of(door, kind or (), state, owner=owner, before=before, limit=limit)


@router.post("/remove")
async def remove_work(door: ItsDoor, which: Ids) -> list[WorkRow]:
    """Forget runs and jobs that have ended, all or none, with what is stored of them; answered with what they were."""
    rows = await asyncio.gather(*(door.call("find_work", name) for name in which.ids))
    removed: tuple[WorkRow, ...] = await door.call("remove_work", tuple(row.id for row in rows))
    return list(removed)
