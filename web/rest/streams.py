"""What goes on, as server-sent events that go on where they broke off."""

from __future__ import annotations

from contextlib import aclosing
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from rpc.messages import EventRow, Metric
from web.event_stream import MEDIA_TYPE, Batches, Sent, stream
from web.live import Live
from web.log_lines import LogLine
from web.rest.door import ItsDoor, ItsLive
from web.rest.job_output import SHOWN, Level, as_line
from web.rest.names import JOBS, RUNS, WorkName, find
from web.streams import Part

router = APIRouter(tags=["streams"])

_MOST = 2**62
LastId = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=-_MOST, le=_MOST, description="Sent by browsers: go on after this.")
]
After = Annotated[int, Query(ge=0, le=_MOST, description="Begin after this number; `Last-Event-ID` counts instead.")]
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events, one after the other.", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
    204: {"description": "It is over, and all was told."},
}


@router.get("/events/stream", response_class=Response, responses=_ANSWER)
async def stream_events(request: Request, live: ItsLive, after: After = 0, last_event_id: LastId = None) -> Response:
    """What happens, as `event`; without a number the newest that were come first."""
    return await stream(request, _events(live, last_event_id or after), is_resumed=last_event_id is not None)


@router.get("/runs/{name}/stream", response_class=Response, responses=_ANSWER)
async def stream_run(
    request: Request, door: ItsDoor, live: ItsLive, name: WorkName, after: After = 0, last_event_id: LastId = None
) -> Response:
    """The news of a run, as `news`: its row, what happened, which node does what."""
    row = await find(door, name, RUNS)
    return await stream(request, _news(live, row.id, last_event_id or after), is_resumed=last_event_id is not None)


@router.get("/jobs/{name}/stream", response_class=Response, responses=_ANSWER)
async def stream_job(
    request: Request, door: ItsDoor, live: ItsLive, name: WorkName, after: After = 0, last_event_id: LastId = None
) -> Response:
    """The news of a job, as `news`."""
    row = await find(door, name, JOBS)
    return await stream(request, _news(live, row.id, last_event_id or after), is_resumed=last_event_id is not None)


@router.get("/jobs/{name}/log/stream", response_class=Response, responses=_ANSWER)
async def stream_log(
    request: Request,
    door: ItsDoor,
    live: ItsLive,
    name: WorkName,
    offset: Annotated[int, Query(ge=-_MOST, le=_MOST)] = 0,
    level: Level = "INFO",
    last_event_id: LastId = None,
) -> Response:
    """The lines of a log, as `line`, from a byte on; a negative offset counts from the end."""
    row = await find(door, name, JOBS)
    start = offset if last_event_id is None else last_event_id
    return await stream(request, _lines(live, row.id, start, SHOWN[level]), is_resumed=last_event_id is not None)


@router.get("/jobs/{name}/metrics/stream", response_class=Response, responses=_ANSWER)
async def stream_metrics(
    request: Request, door: ItsDoor, live: ItsLive, name: WorkName, after: After = 0, last_event_id: LastId = None
) -> Response:
    """What a job tells of itself, as `metric`."""
    row = await find(door, name, JOBS)
    return await stream(request, _metrics(live, row.id, last_event_id or after), is_resumed=last_event_id is not None)


async def _events(live: Live, after: int) -> Batches:
    async with aclosing(live.events(after)) as parts:
        async for part in parts:
            yield list(map(_sent_event, part.items))


# What is sent is written once, however many listen.


@lru_cache(maxsize=4096)
def _sent_event(row: EventRow) -> Sent:
    return Sent(row.number, "event", row)


async def _news(live: Live, work_id: str, after: int) -> Batches:
    is_first = True
    async with aclosing(live.work(work_id, after)) as parts:
        async for part in parts:
            # The last ones tell nothing new; they are told to who comes for the first time all the same.
            if part.items or not after or not is_first or not part.is_last:
                yield [_sent_news(part)]
            is_first = False


@lru_cache(maxsize=64)
def _sent_news(part: Part[EventRow]) -> Sent:
    assert part.now is not None
    told = {"row": part.now.row, "events": part.items, "activities": part.now.activities}
    return Sent(part.next, "news", told)


async def _lines(live: Live, job_id: str, offset: int, levels: str) -> Batches:
    async with aclosing(live.log(job_id, offset)) as parts:
        async for part in parts:
            shown = [line for line in part.items if line.record.level in levels]
            if shown or not part.is_last:
                yield list(map(_sent_line, shown))


@lru_cache(maxsize=4096)
def _sent_line(line: LogLine) -> Sent:
    return Sent(line.number, "line", as_line(line))


async def _metrics(live: Live, job_id: str, after: int) -> Batches:
    async with aclosing(live.metrics(job_id, after)) as parts:
        async for part in parts:
            if part.items or not part.is_last:
                yield list(map(_sent_metric, part.items))


@lru_cache(maxsize=4096)
def _sent_metric(metric: Metric) -> Sent:
    return Sent(metric.number, "metric", metric)
