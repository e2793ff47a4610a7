"""Files that the coordinator holds, named by their hash: sent in pieces that go on where they stopped, and fetched."""

from __future__ import annotations

from hashlib import sha256
from tempfile import TemporaryFile
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from rpc.messages import PART_BYTES, BlobState
from rpc.run_spec import MAX_FILE_NAME
from web.byte_ranges import FILE, send_blob, size_of
from web.door import Door
from web.rest.door import ItsDoor
from web.rest.names import PRINTABLE, BlobName

router = APIRouter(prefix="/blobs", tags=["blobs"])

_CONFLICT = 409
Size = Annotated[int, Query(ge=0, le=2**36, description="Of the whole file, in bytes.")]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=2**36, description="Where the sent bytes begin.")]
FileName = Annotated[str, Query(min_length=1, max_length=MAX_FILE_NAME, pattern=PRINTABLE)]
_UPLOAD = {
    "requestBody": {
        "required": False,  # an empty file has no bytes
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class NewFile(BaseModel):
    """A file that the coordinator holds, as runs and jobs name it."""

    file: str
    blob: str
    size: int


@router.head("/{name}", response_class=Response)
async def state_of_blob(door: ItsDoor, name: BlobName, size: Size) -> Response:
    """How much of a file of this size is here: `Upload-Offset` of `Upload-Length` bytes."""
    return _state(await _put(door, name, size, 0, b""), 200)


@router.patch("/{name}", status_code=204, response_class=Response, openapi_extra=_UPLOAD)
async def put_blob(request: Request, door: ItsDoor, name: BlobName, size: Size, upload_offset: Offset) -> Response:
    """Send bytes of a file, from where the coordinator says that it lacks them; answered with where to go on.

    409: they begin elsewhere; the answer's `Upload-Offset` says where they are lacked.
    """
    state = await _put(door, name, size, 0, b"")
    if state.have != upload_offset:
        _raise_conflict(state)
    waiting = bytearray()
    async for piece in request.stream():
        waiting += piece
        while len(waiting) >= PART_BYTES:
            state = await _put_next(door, state, bytes(waiting[:PART_BYTES]))
            del waiting[:PART_BYTES]
    if waiting:
        state = await _put_next(door, state, bytes(waiting))
    return _state(state, 204)


@router.get("/{name}", response_class=Response, responses=FILE)
async def get_blob(
    door: ItsDoor, name: BlobName, range: Annotated[str | None, Header(max_length=100)] = None
) -> Response:
    """The bytes of a file, or one range of them."""
    return send_blob(door, name, await size_of(door, name), name=name.removeprefix("sha256:"), wanted=range)


@router.post("/new", status_code=201, openapi_extra=_UPLOAD)
async def new_blob(request: Request, door: ItsDoor, file: FileName) -> NewFile:
    """Send a file in one go, up to 1 GB; answered with what runs and jobs call it."""
    with TemporaryFile(prefix="roundhouse-") as kept:
        digest, size = sha256(), 0
        async for piece in request.stream():
            size += len(piece)
            digest.update(piece)
            await run_in_threadpool(kept.write, piece)
        name = f"sha256:{digest.hexdigest()}"
        state = await _put(door, name, size, 0, b"")
        while state.have < size:
            kept.seek(state.have)
            state = await _put_next(door, state, await run_in_threadpool(kept.read, PART_BYTES))
    return NewFile(file=file, blob=name, size=size)


async def _put(door: Door, name: str, size: int, offset: int, data: bytes) -> BlobState:
    state: BlobState = await door.call("put_blob", name, size, offset, data)
    return state


async def _put_next(door: Door, state: BlobState, data: bytes) -> BlobState:
    after = await _put(door, state.name, state.size, state.have, data)
    if after.have != state.have + len(data):
        _raise_conflict(after)  # somebody else sends the same file
    return after


def _raise_conflict(state: BlobState) -> None:
    headers = {"Upload-Offset": str(state.have), "Upload-Length": str(state.size)}
    raise HTTPException(_CONFLICT, f"{state.have} of {state.size} bytes are here: go on there", headers)


def _state(state: BlobState, status: int) -> Response:
    headers = {"Upload-Offset": str(state.have), "Upload-Length": str(state.size), "Cache-Control": "no-store"}
    return Response(status_code=status, headers=headers)
