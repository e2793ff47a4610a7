"""Jobs as earlier systems told of them: the same jobs, by the fields that their clients know.

`POST /api/jobs` takes a form, `POST /jobs` code; `GET /jobs` and `GET /jobs/ID` answer with JSON where no page is asked
for; `GET /health` says whether the coordinator can be asked.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from client.jobs import job_of
from client.results import FINAL_STATES
from rpc.errors import BadRequest, Unauthenticated
from rpc.messages import PART_BYTES, Buffer, DataFile, JobDetail, WorkDetail, WorkRow
from web.bundles import Sent, start_bundle, start_code
from web.door import Door
from web.rest.door import ItsDoor, ItsSession, OwnDoor
from web.rest.job_models import MAX_CODE
from web.rest.models import Strict
from web.rest.names import JOBS, Key, WorkName, find
from web.rest.paging import page_of
from web.rest.uploads import FORM, bundle_of

router = APIRouter(tags=["classic"])

_LISTED = "/classic/jobs"  # where the JSON is that stands at /jobs for who wants no page
_AT_ONCE = 16
_KEPT = 10_000  # jobs that have ended: nothing of them changes any more


class Code(Strict):
    """Attributes: code, a Python program."""

    code: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]


class ClassicJob(BaseModel):
    """A job. `result` is how its output ended, `error` why it failed; times are of ISO 8601."""

    id: str
    status: str
    code: str | None
    submitted_at: str
    started_at: str | None
    completed_at: str | None
    result: str | None
    error: str | None


class Health(BaseModel):
    status: str


@router.get("/health")
async def health(door: OwnDoor) -> Health:
    """Whether the coordinator can be asked. Everybody may know that."""
    with suppress(Unauthenticated):  # it answers, though not to us
        await door.call("glance", 0)
    return Health(status="healthy")


@router.post("/api/jobs", openapi_extra=FORM)
async def start_form(request: Request, door: ItsDoor, session: ItsSession, idempotency_key: Key = "") -> ClassicJob:
    """Start a job of a ZIP, sent as a form: `file`, `name`, `main_entry`, `requirements_file`."""
    async with bundle_of(request, idempotency_key) as (file, sent):
        if sent.times is not None:
            raise BadRequest("cron: send this to /api/v1/jobs/bundle, which answers with a schedule")
        job_id = await run_in_threadpool(start_bundle, session, file, sent)
    return await _job(request, door, await find(door, job_id, JOBS))


@router.post("/jobs")
async def start(
    request: Request, door: ItsDoor, session: ItsSession, wanted: Code, idempotency_key: Key = ""
) -> ClassicJob:
    """Start a job of some code."""
    sent = Sent(settings={"key": idempotency_key} if idempotency_key else {})
    job_id = await run_in_threadpool(start_code, session, wanted.code, sent)
    return await _job(request, door, await find(door, job_id, JOBS))


@router.get(_LISTED)
async def list_jobs(
    request: Request, door: ItsDoor, limit: Annotated[int, Query(ge=1, le=100)] = 100
) -> list[ClassicJob]:
    """The newest jobs, the newest first. It stands at `/jobs`."""
    page = await page_of(door, JOBS, None, owner="", before=0, limit=limit)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def job(row: WorkRow) -> ClassicJob:
        async with turns:
            return await _job(request, door, row)

    return list(await asyncio.gather(*map(job, page.items)))


@router.get(_LISTED + "/{name}")
async def get_job(request: Request, door: ItsDoor, name: WorkName) -> ClassicJob:
    """One job. It stands at `/jobs/ID`."""
    return await _job(request, door, await find(door, name, JOBS))


class JsonUnlessPage:
    """Leads `GET /jobs` and `/jobs/ID` to JSON unless the caller takes text/html: then they are pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _is_of_jobs(scope["path"]):
            accepts = b",".join(value for name, value in scope["headers"] if name == b"accept")
            if b"text/html" not in accepts.lower():
                scope = {**scope, "path": "/classic" + scope["path"], "raw_path": b"/classic" + scope["raw_path"]}
        await self._app(scope, receive, send)


def _is_of_jobs(path: str) -> bool:
    parts = path.split("/")
    return parts[1:2] == ["jobs"] and len(parts) <= 3


async def _job(request: Request, door: Door, row: WorkRow) -> ClassicJob:
    """Return the job of a row; of one that has ended all is asked for once."""
    known: dict[str, ClassicJob] = request.app.state.classic_jobs
    found = known.get(row.id)
    if found is not None:
        return found
    detail: WorkDetail = await door.call("get_work", row.id)
    job = job_of(detail)
    code = await _code(door, job.spec.bundle) if job.spec.inline_code else None
    found = _shown(detail.row, job, code)
    if detail.row.state in FINAL_STATES:
        while len(known) >= _KEPT:
            del known[next(iter(known))]
        known[row.id] = found
    return found


async def _code(door: Door, bundle: DataFile) -> str | None:
    """The program that somebody has typed, out of its bundle."""
    if bundle.size > PART_BYTES:
        return None
    data: Buffer = await door.call("get_blob", bundle.blob, 0, bundle.size)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return packed.read("main.py").decode("utf-8", "replace").removesuffix("\n")


def _shown(row: WorkRow, job: JobDetail, code: str | None) -> ClassicJob:
    return ClassicJob(
        id=row.id,
        status=row.state,
        code=code,
        submitted_at=_time(row.submitted_ms) or "",
        started_at=_time(row.started_ms),
        completed_at=_time(row.ended_ms),
        result="\n".join(job.last_lines) if row.state == "completed" else None,
        error=(row.reason or row.state) if row.state in ("failed", "cancelled") else None,
    )


def _time(at_ms: int) -> str | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat() if at_ms else None
