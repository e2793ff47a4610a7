"""What a script job says and leaves: its log, its metrics, its artifacts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from client.jobs import job_of
from rpc.kept_log import LEVELS, STREAMS
from rpc.messages import DataFile, LogPage, Metric, WorkDetail
from web.byte_ranges import FILE, send_blob
from web.door import Door
from web.log_lines import LogLine, lines_of, records_in
from web.rest.door import ItsDoor
from web.rest.job_models import Artifact, Line, LogPart
from web.rest.names import JOBS, WorkName, find
from web.rest.paging import Limit

router = APIRouter(prefix="/jobs/{name}", tags=["jobs"])

_TEXT_BYTES = 1 << 20  # of the log, at once
_PIECE_BYTES = 256 << 10  # of a download: to take more apart would hold up all others
_SEARCHED_PAGES = 64
_MOST_BYTES = 2**62  # of an offset
Level = Literal["INFO", "WARNING", "ERROR", "PROGRESS"]
SHOWN = {"INFO": "iwep", "WARNING": "we", "ERROR": "e", "PROGRESS": "p"}  # what is shown at each level


@router.get("/log")
async def read_log(
    door: ItsDoor,
    name: WorkName,
    offset: Annotated[int, Query(ge=-_MOST_BYTES, le=_MOST_BYTES)] = 0,
    limit: Annotated[int, Query(ge=1, le=_TEXT_BYTES)] = 64 << 10,
    level: Level = "INFO",
    wait_ms: Annotated[int, Query(ge=0, le=20_000)] = 0,
    contains: Annotated[str, Query(max_length=200)] = "",
) -> LogPart:
    """The lines of a log from a byte on, up to about `limit` bytes; a negative offset counts from the end.

    `level`: INFO, all; WARNING, and worse; ERROR; PROGRESS, that alone. `wait_ms`: how long to wait where there is
    nothing more yet. `contains`: only lines that do, capital or small; where the first bytes have none, up to 64 MiB
    are looked through.
    """
    row = await find(door, name, JOBS)
    page: LogPage = await door.call("logs", row.id, offset, limit, wait_ms, waits_s=wait_ms / 1000)
    sought = contains.lower()
    if sought:
        page = await _page_with(door, row.id, page, sought)
    lines = [
        as_line(line)
        for line in lines_of(page, offset)
        if line.record.level in SHOWN[level] and sought in line.record.text.lower()
    ]
    return LogPart(lines=lines, start=page.start, next_offset=max(offset, page.next_offset), is_whole=page.is_whole)


@router.get("/log.txt", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def whole_log(door: ItsDoor, name: WorkName) -> Response:
    """All of a log that is kept, as text: when, stream, level, line."""
    row = await find(door, name, JOBS)
    first: LogPage = await door.call("logs", row.id, 0, _PIECE_BYTES, 0)  # what is refused has a status of its own
    headers = {"Content-Disposition": f'attachment; filename="{row.id}.log"'}
    return StreamingResponse(_text(door, row.id, first), headers=headers, media_type="text/plain; charset=utf-8")


@router.get("/metrics")
async def list_metrics(
    door: ItsDoor, name: WorkName, after: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Limit = 1000
) -> list[Metric]:
    """What a job told of itself in lines `PROGRESS: {...}`, in order, after a metric's number."""
    row = await find(door, name, JOBS)
    found: tuple[Metric, ...] = await door.call("list_metrics", row.id, after, limit)
    return list(found)


@router.get("/artifacts")
async def list_artifacts(door: ItsDoor, name: WorkName) -> list[Artifact]:
    """What a job has left in `out/`, once it has ended."""
    left = await _artifacts(door, name)
    return [
        Artifact(number=number, name=each.file, size_bytes=each.size, sha256=each.blob.removeprefix("sha256:"))
        for number, each in enumerate(left)
    ]


@router.get("/artifacts/{number}", response_class=Response, responses=FILE)
async def get_artifact(
    door: ItsDoor, name: WorkName, number: int, range: Annotated[str | None, Header(max_length=100)] = None
) -> Response:
    """The bytes of an artifact, by its number in the list, or one range of them."""
    left = await _artifacts(door, name)
    if not 0 <= number < len(left):
        raise HTTPException(404, f"{name} has left {len(left)} artifacts, and none has the number {number}")
    file = left[number]
    return send_blob(door, file.blob, file.size, name=file.file.rpartition("/")[2], wanted=range)


def as_line(line: LogLine) -> Line:
    at_ms, stream, level, text = line.record
    return Line(next_offset=line.number, at_ms=at_ms, stream=STREAMS[stream], level=LEVELS[level], text=text)


async def _artifacts(door: Door, name: str) -> tuple[DataFile, ...]:
    row = await find(door, name, JOBS)
    detail: WorkDetail = await door.call("get_work", row.id)
    return job_of(detail).artifacts


async def _page_with(door: Door, job_id: str, page: LogPage, sought: str) -> LogPage:
    """The page, or the first one after it that holds this text, or the last one that was looked through."""
    for _ in range(_SEARCHED_PAGES):
        if not len(page.log) or sought in bytes(page.log).decode("utf-8", "replace").lower():
            break
        page = await door.call("logs", job_id, page.next_offset, _TEXT_BYTES, 0)
    return page


async def _text(door: Door, job_id: str, page: LogPage) -> AsyncIterator[str]:
    """The lines of a log, of which this is the first page."""
    offset = 0
    while True:
        records = records_in(page, offset)
        yield "".join(f"{at_ms} {STREAMS[stream]} {LEVELS[level]} {text}\n" for at_ms, stream, level, text in records)
        if page.is_whole or not len(page.log):
            return
        offset = page.next_offset
        page = await door.call("logs", job_id, offset, _PIECE_BYTES, 0)
