"""What pages are fed with, for as long as somebody looks at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from nicegui import background_tasks, ui

from rpc.errors import NotFound, TrainerError, Unauthenticated

T = TypeVar("T")

_PAUSE_S = 1.0  # between two looks of a page: nobody reads faster


def follow(source: AsyncGenerator[T, None], show: Callable[[T], object]) -> None:
    """Have what comes shown on the page that is being built, from when a browser is there until it has left."""
    client = ui.context.client

    async def run() -> None:
        await client.connected()
        try:
            async with aclosing(source) as parts:
                async for part in parts:
                    with client:
                        show(part)
        except NotFound:
            return  # it was removed while somebody looked
        except TrainerError:
            return  # the head of the page says that the coordinator is away; the browser may reload

    task = background_tasks.create(run(), name="feed")
    client.on_delete(lambda: _end(task))


def look(see: Callable[[], Awaitable[bool]], every_s: float = _PAUSE_S) -> None:
    """Have the page look again and again, as long as `see` says that there will be more."""
    client = ui.context.client

    async def run() -> None:
        await client.connected()
        goes_on = True
        while goes_on:
            try:
                with client:
                    goes_on = await see()
            except (NotFound, Unauthenticated):
                return  # there will be no other answer
            except TrainerError:
                pass  # it is away; the head of the page says so
            await asyncio.sleep(every_s)

    task = background_tasks.create(run(), name="look")
    client.on_delete(lambda: _end(task))


def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
