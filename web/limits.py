"""How much may be sent to us: counted as it arrives, whatever the sender says that it will be."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import problem

JSON_BYTES = 1 << 20
BUNDLE_BYTES = 50_000_000
_IN_FLIGHT_BYTES = 500_000_000  # of all that is being received
_BUNDLES = ("/api/jobs", "/api/v1/jobs/bundle")
_PAGES = "/_nicegui/"  # where the forms of the dashboard send their files
_UNBOUNDED = "/api/v1/blobs/"  # sent on part by part, and bounded by what the blob is said to be
_TOO_LARGE, _BUSY = 413, 503


class BodyLimits:
    """Ends requests that send more than is taken."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_UNBOUNDED):
            await self._app(scope, receive, send)
            return
        most = BUNDLE_BYTES if scope["path"] in _BUNDLES or scope["path"].startswith(_PAGES) else JSON_BYTES
        said = Headers(scope=scope).get("content-length", "0")
        if not (said.isascii() and said.isdigit()) or int(said[:20]) > most:
            await problem(_TOO_LARGE, "bad_request", _words(most))(scope, receive, send)
            return
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self._in_flight += size
            if received > most:
                raise HTTPException(_TOO_LARGE, _words(most))
            if self._in_flight > _IN_FLIGHT_BYTES:
                raise HTTPException(_BUSY, "too much is being sent at once; try again in a moment")
            return message

        try:
            await self._app(scope, counting, send)
        finally:
            self._in_flight -= received


def _words(most: int) -> str:
    return f"a body may have {most:,} bytes here at most; send large files as blobs, see /api/v1/blobs"
