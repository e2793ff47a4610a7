"""The interface for programs: routes, errors, and what every request passes through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from fastapi import FastAPI

from rpc.program import VERSION
from web import classic, login, openapi, prometheus
from web.admission import Admission
from web.credentials import Credentials
from web.event_stream import Streams
from web.guard import Guard
from web.known_routes import KnownRoutes
from web.limits import BodyLimits
from web.problems import RESPONSES, answer_with_problems
from web.rest import (
    blobs,
    job_output,
    jobs,
    nodes,
    run_files,
    runs,
    schedules,
    streams,
    tokens,
    told,
    uploads,
    webhooks,
    work,
)
from web.visitors import Visitors
from web.webhooks import Telling

_MODULES = (work, streams, runs, run_files, uploads, jobs, job_output, schedules, nodes, told, blobs, webhooks, tokens)


def make_api(
    visitors: Visitors,
    *,
    tells_webhooks: bool = False,
    names: Collection[str] = (),
    admission: Admission | None = None,
) -> FastAPI:
    """Return the app without pages; of all such apps one tells the webhooks. `names`: see Guard."""
    own, admission = visitors.own, admission or Admission()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        telling = asyncio.create_task(Telling(own.door, own.live).run()) if tells_webhooks else None
        yield
        if telling is not None:
            telling.cancel()
            await asyncio.wait([telling])
        app.state.visitors.close()

    app = FastAPI(
        title="Roundhouse", version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None, responses=RESPONSES
    )
    app.state.visitors = visitors
    app.state.admission = admission
    app.state.streams = Streams()
    app.state.watch = prometheus.Watch()
    app.state.classic_jobs = {}
    answer_with_problems(app)
    for module in _MODULES:
        app.include_router(module.router, prefix="/api/v1")
    for router in (classic.router, prometheus.router, login.router):
        app.include_router(router)
    openapi.describe(app)
    # The last one is the first that a request passes through.
    app.add_middleware(BodyLimits)
    app.add_middleware(classic.JsonUnlessPage)
    app.add_middleware(KnownRoutes, described=app)
    app.add_middleware(Credentials, admission=admission)
    app.add_middleware(Guard, names=names)
    app.add_middleware(prometheus.Timing, watch=app.state.watch)
    return app
