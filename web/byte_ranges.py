"""Bytes that the coordinator holds, sent part by part: all of them, or the one range that somebody asks for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from rpc.errors import BadData
from rpc.messages import PART_BYTES, Buffer
from web.door import Door

FILE: dict[int | str, dict[str, Any]] = {  # what routes that send files say of their answers
    200: {"description": "All bytes.", "content": {"application/octet-stream": {}}},
    206: {"description": "One range of them.", "content": {"application/octet-stream": {}}},
}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_MOST_BYTES = 1 << 36  # that a blob has
_UNSATISFIABLE = 416


async def size_of(door: Door, blob: str) -> int:
    """Return the size of a blob, where reading it ends; MissingBlob: it is not here."""
    low, high = 0, _MOST_BYTES
    while low < high:
        middle = (low + high) // 2
        byte: Buffer = await door.call("get_blob", blob, middle, 1)
        low, high = (middle + 1, high) if len(byte) else (low, middle)
    return low


def send_blob(door: Door, blob: str, size: int, *, name: str, wanted: str | None) -> Response:
    """Return the answer that sends a blob as a file to be kept.

    Args:
        name: of the file; whatever it holds, it is no more than a proposal to whoever gets it.
        wanted: what the header Range says, if there is one.

    Raises:
        HTTPException: 416, the range is none, or they are several.
    """
    start, stop = _range(wanted, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Length": str(stop - start),
        "ETag": f'"{blob}"',
    }
    status = 200
    if wanted is not None:
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    parts = _parts(door, blob, start, stop)
    return StreamingResponse(parts, status, headers, media_type="application/octet-stream")


async def _parts(door: Door, blob: str, start: int, stop: int) -> AsyncIterator[memoryview]:
    for offset in range(start, stop, PART_BYTES):
        length = min(PART_BYTES, stop - offset)
        part: Buffer = await door.call("get_blob", blob, offset, length)
        if len(part) != length:
            raise BadData(f"{blob} ends at {offset + len(part)}, not at {stop}")
        yield memoryview(part)


def _range(wanted: str | None, size: int) -> tuple[int, int]:
    """The first byte that is wanted, and the one after the last."""
    if wanted is None:
        return 0, size
    found = _RANGE.fullmatch(wanted.strip())
    first, last = found.groups() if found else ("", "")
    if first:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
    else:
        start, stop = max(0, size - int(last or 0)), size
    if start >= stop:
        text = f"{wanted[:50]!r} is not one range of {size} bytes, like bytes=0-99"
        raise HTTPException(_UNSATISFIABLE, text, {"Content-Range": f"bytes */{size}"})
    return start, stop
