"""Jobs that are started again and again: all, one, orders about one. They are made where jobs are, by `cron`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path

from rpc.messages import Schedule
from rpc.nearest import unknown
from rpc.run_spec import MAX_NAME
from web.door import Door
from web.rest.door import ItsDoor
from web.rest.names import PRINTABLE

router = APIRouter(prefix="/schedules", tags=["jobs"])

Name = Annotated[str, Path(min_length=1, max_length=MAX_NAME, pattern=PRINTABLE, description="Its id.")]


@router.get("")
async def list_schedules(door: ItsDoor) -> list[Schedule]:
    """All schedules, with what they start, when it is next, and what became of the last time."""
    return list(await known(door))


@router.get("/{name}")
async def show_schedule(door: ItsDoor, name: Name) -> Schedule:
    """One schedule."""
    found = {each.id: each for each in await known(door)}
    if name not in found:
        raise unknown("schedule", name, found)
    return found[name]


@router.delete("/{name}")
async def remove_schedule(door: ItsDoor, name: Name) -> Schedule:
    """Start nothing of it any more; jobs that it has started stay. Answered with what it was."""
    return await order(door, name, "remove")


@router.post("/{name}/{act}")
async def order_schedule(door: ItsDoor, name: Name, act: Literal["pause", "resume"]) -> Schedule:
    """Start nothing of it until it is resumed; go on with it."""
    return await order(door, name, act)


async def known(door: Door) -> tuple[Schedule, ...]:
    """Return all schedules."""
    found: tuple[Schedule, ...] = await door.call("list_schedules")
    return found


async def order(door: Door, name: str, act: str) -> Schedule:
    """Pause, resume or remove a schedule; return what it is now, or was."""
    told: Schedule = await door.call("order_schedule", name, act)
    return told
