"""The application: routes, errors, and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from nicegui import ui

from rpc.program import VERSION
from web.door import Door
from web.live import Live
from web.pages import overview
from web.problems import RESPONSES, answer_with_problems
from web.rest import webhooks, work
from web.webhooks import Telling


def make_app(door: Door, *, tells_webhooks: bool = False) -> FastAPI:
    """Return the app that speaks for the coordinator behind `door`; of all such apps one tells the webhooks."""
    live = Live(door)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        telling = asyncio.create_task(Telling(door, live).run()) if tells_webhooks else None
        yield
        if telling is not None:
            telling.cancel()
            await asyncio.wait([telling])
        door.close()

    app = FastAPI(
        title="Roundhouse", version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None, responses=RESPONSES
    )
    app.state.door = door
    app.state.live = live
    answer_with_problems(app)
    for router in (work.router, webhooks.router):
        app.include_router(router, prefix="/api/v1")
    overview.add(door)
    ui.run_with(app, title="Roundhouse", show_welcome_message=False)
    return app
