"""How much may be sent to us and how slowly: counted as it arrives, whatever the sender says that it will be."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import problem

JSON_BYTES = 1 << 20
BUNDLE_BYTES = 50_000_000
_NEW_BLOB_BYTES = 10**9
_BUNDLES = ("/api/jobs", "/api/v1/jobs/bundle")
_NEW_BLOB = "/api/v1/blobs/new"  # kept in a file until all of it is here
_UNBOUNDED = "/api/v1/blobs/"  # sent on part by part, and bounded by what the blob is said to be
_PATIENCE_S, _SLOWEST = 30.0, 10_000  # how long a body is waited for in all: so long, and bytes a second
_TOO_LARGE, _BUSY, _TOO_SLOW = 413, 503, 408


@dataclass
class _Room:
    """Where bodies are kept while they come. Attributes: most, bytes that it has; taken, those of them in use."""

    most: int
    taken: int = 0


class BodyLimits:
    """Ends requests that send more than is taken, or too slowly."""

    def __init__(self, app: ASGIApp, *, disk_bytes: int = 4_000_000_000) -> None:
        """`disk_bytes` is how much may be on its way to the disk at once."""
        self._app = app
        self._memory = _Room(500_000_000)
        self._disk = _Room(disk_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(_UNBOUNDED) and path != _NEW_BLOB:
            await self._app(scope, _Body(receive).receive, send)
            return
        most = _NEW_BLOB_BYTES if path == _NEW_BLOB else BUNDLE_BYTES if path in _BUNDLES else JSON_BYTES
        room = self._disk if path == _NEW_BLOB else self._memory
        said = Headers(scope=scope).get("content-length", "0")
        if not (said.isascii() and said.isdigit()) or int(said[:20]) > most:
            await problem(_TOO_LARGE, "bad_request", _words(most))(scope, receive, send)
            return
        body = _Body(receive)

        async def counting() -> Message:
            before = body.received
            message = await body.receive()
            room.taken += body.received - before
            if body.received > most:
                raise HTTPException(_TOO_LARGE, _words(most))
            if room.taken > room.most:
                raise HTTPException(_BUSY, "too much is being sent at once; try again in a moment")
            return message

        try:
            await self._app(scope, counting, send)
        finally:
            room.taken -= body.received


class _Body:
    """The body of one request. Attributes: received, how many bytes of it are here."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False
        self._waited_s = 0.0
        self.received = 0

    async def receive(self) -> Message:
        """Return what comes next; 408: its sender has been waited for too long.

        What comes after the whole body is that the sender has left: that may take as long as it likes.
        """
        if self._is_whole:
            return await self._receive()
        began = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_S + self.received / _SLOWEST - self._waited_s):
                message = await self._receive()
        except TimeoutError as error:
            words = f"this was sent at less than {_SLOWEST:,} bytes a second"
            raise HTTPException(_TOO_SLOW, words, {"Connection": "close"}) from error
        self._waited_s += time.monotonic() - began
        self._is_whole = not message.get("more_body", False)
        self.received += len(message.get("body", b""))
        return message


def _words(most: int) -> str:
    return f"a body may have {most:,} bytes here at most; send larger files as blobs, by PATCH: see /api/v1/blobs"
