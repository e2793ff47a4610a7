"""Lists in pages: each tells what to ask for to get the next one."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

T = TypeVar("T")

MOST = 1000
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many, at most.")]
Before = Annotated[int, Query(ge=0, lt=2**63, description="Only what came before: `next` of the page before; 0: any.")]


class Page(BaseModel, Generic[T]):
    """Attributes: items, the newest first; next: the `before` of the next page, null if there is none."""

    items: list[T]
    next: int | None
