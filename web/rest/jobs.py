"""Script jobs: lists, one job, its start, its end."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from client.jobs import job_of
from rpc.messages import WorkDetail, WorkRow
from rpc.run_spec import MAX_NAME
from web.bundles import Sent, start_code, times_of
from web.door import Door
from web.rest.door import ItsDoor, ItsSession
from web.rest.job_models import JobShown, NewJob
from web.rest.models import Ids, Started, Why, started
from web.rest.names import JOBS, PRINTABLE, Key, Owner, WorkName, find
from web.rest.paging import Before, Limit, Page, page_of
from web.rest.work import State

router = APIRouter(prefix="/jobs", tags=["jobs"])

_CANCEL_S = 30.0  # for a program to end by itself, and for its node to tell what it has left
_CANCELLED_AT_ONCE = 32


@router.get("")
async def list_jobs(
    door: ItsDoor,
    state: Annotated[list[State] | None, Query()] = None,
    owner: Owner = "",
    array: Annotated[str, Query(max_length=MAX_NAME, pattern=PRINTABLE, description="Only jobs of this array.")] = "",
    members: Annotated[bool, Query(description="Jobs of arrays too, each for itself.")] = False,
    before: Before = 0,
    limit: Limit = 100,
) -> Page[WorkRow]:
    """Jobs, the newest first; an array is one of them, and so are its jobs where they are asked for."""
    whole = (await find(door, array, JOBS)).id if array else ""
    return await page_of(door, JOBS, state, owner=owner, before=before, limit=limit, array=whole, with_members=members)


@router.post("", status_code=201)
def start_job(session: ItsSession, response: Response, wanted: NewJob, idempotency_key: Key = "") -> Started:
    """Start a job of some code; a bundle is sent to `/api/v1/jobs/bundle`. With `cron` a schedule of it is made."""
    sent = Sent(
        name=wanted.name,
        arguments=tuple(wanted.arguments),
        requirements=wanted.requirements,
        datasets=dict(wanted.datasets),
        settings=wanted.settings.said() | ({"key": idempotency_key} if idempotency_key else {}),
        times=times_of(wanted.cron, wanted.cron_tz, wanted.cron_overlap),
    )
    return started(response, sent.becomes, start_code(session, wanted.code, sent))


@router.post("/cancel")
async def cancel_jobs(door: ItsDoor, which: Ids) -> list[WorkRow]:
    """End jobs; answered with how they stand once their programs have ended."""
    rows = [await find(door, name, JOBS) for name in which.ids]  # all are known, or none is ended
    turns = asyncio.Semaphore(_CANCELLED_AT_ONCE)

    async def cancel(work_id: str) -> WorkRow:
        async with turns:
            return await _cancel(door, work_id, "")

    return list(await asyncio.gather(*(cancel(row.id) for row in rows)))


@router.get("/{name}")
async def show_job(door: ItsDoor, name: WorkName) -> JobShown:
    """All that is known of a job but its log and its metrics."""
    row = await find(door, name, JOBS)
    detail: WorkDetail = await door.call("get_work", row.id)
    return JobShown(row=detail.row, job=job_of(detail), failures=list(detail.failures))


@router.delete("/{name}")
async def remove_job(door: ItsDoor, name: WorkName) -> WorkRow:
    """Forget a job that has ended, with all that it has left; answered with what it was."""
    row = await find(door, name, JOBS)
    removed: tuple[WorkRow, ...] = await door.call("remove_work", (row.id,))
    return removed[0]


@router.post("/{name}/cancel")
async def cancel_job(door: ItsDoor, name: WorkName, why: Why | None = None) -> WorkRow:
    """End a job; answered with how it stands once its program has ended, which has some seconds for it."""
    row = await find(door, name, JOBS)
    return await _cancel(door, row.id, why.reason if why else "")


@router.post("/{name}/retry", status_code=201)
def retry_job(session: ItsSession, response: Response, name: WorkName, idempotency_key: Key = "") -> Started:
    """Start the same job anew; of an array, those of its jobs that failed."""
    return started(response, "jobs", session.retry(name, idempotency_key).id)


async def _cancel(door: Door, work_id: str, reason: str) -> WorkRow:
    row: WorkRow = await door.call("cancel_work", work_id, reason or "over HTTP", waits_s=_CANCEL_S)
    return row
