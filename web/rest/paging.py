"""Lists in pages: each tells what to ask for to get the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from rpc.messages import WorkFilter, WorkRow
from web.door import Door

T = TypeVar("T")

MOST = 1000
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many, at most.")]
Before = Annotated[int, Query(ge=0, lt=2**63, description="Only what came before: `next` of the page before; 0: any.")]


class Page(BaseModel, Generic[T]):
    """Attributes: items, the newest first; next: the `before` of the next page, null if there is none."""

    items: list[T]
    next: int | None


async def page_of(
    door: Door,
    kinds: Sequence[str],
    states: Sequence[str] | None,
    *,
    owner: str,
    before: int,
    limit: int,
    array: str = "",
    with_members: bool = False,
) -> Page[WorkRow]:
    """Return a page of work of these kinds (none: any) and states (None: any).

    Args:
        array: only jobs of this one; empty: none that is of an array, unless `with_members`.
    """
    wanted = WorkFilter(tuple(states or ()), owner, before, limit, tuple(kinds), array, with_members)
    rows: tuple[WorkRow, ...] = await door.call("page_work", wanted)
    return Page(items=list(rows), next=rows[-1].number if len(rows) == limit else None)
