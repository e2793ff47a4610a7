"""Server-sent events (WHATWG HTML, section 9.2): what goes on, sent as it comes, to be gone on with after a break.

The data of each is one line of ASCII JSON: whatever a job or a person wrote, none of it can end a line or an event.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException

from rpc.addresses import is_loopback
from web.admission import user

MEDIA_TYPE = "text/event-stream"
MOST_OF_ONE = 256  # streams to one address of loopback; to others as many as somebody has said
_MOST = 2048
_BEAT_S = 15.0  # without anything else: who left is noticed, and proxies do not end what is silent
_END = b"event: end\ndata: {}\n\n"


@dataclass(frozen=True)
class Sent:
    """One event. Attributes: id, what to go on after; kind, its name for the browser."""

    id: int
    kind: str
    data: Any

    @cached_property
    def encoded(self) -> bytes:
        data = json.dumps(to_jsonable_python(self.data), ensure_ascii=True, allow_nan=False)
        return f"id: {self.id}\nevent: {self.kind}\ndata: {data}\n\n".encode("ascii")


Batches = AsyncGenerator[list[Sent], None]


class Streams:
    """How many streams there are, to whom, and what each waits for."""

    def __init__(self) -> None:
        self._of = Counter[str]()
        self._coming: set[asyncio.Future[list[Sent] | None]] = set()

    @property
    def n_open(self) -> int:
        return self._of.total()

    def take(self, who: str, most: int) -> None:
        """Count one more to somebody; 429: they are too many."""
        if self._of[who] >= most or self.n_open >= _MOST:
            text = f"{most} streams to one are the most; end some"
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, text, {"Retry-After": "10"})
        self._of[who] += 1

    def give_back(self, who: str) -> None:
        self._of[who] -= 1
        if not self._of[who]:
            del self._of[who]

    def coming(self, batches: Batches) -> asyncio.Future[list[Sent] | None]:
        """What a stream brings next; None: nothing more; cancelled: this server ends."""
        coming = asyncio.ensure_future(anext(batches, None))
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)
        return coming

    def end(self) -> None:
        """End all streams; who listens may come back to the next server."""
        for coming in self._coming:
            coming.cancel()


async def stream(request: Request, batches: Batches, *, is_resumed: bool) -> Response:
    """Answer with events until there can be no more; then with one called `end`.

    A browser comes back even then: it is told with 204 that there is nothing more.

    Raises:
        TrainerError: what the coordinator answered at the beginning.
    """
    streams: Streams = request.app.state.streams
    host = request.client.host if request.client else ""
    who = user(host, "" if is_loopback(host) else request.state.token)
    streams.take(who, _most(request.app.state.admission.limits.streams, host))
    try:
        first = await anext(batches, None)
    except BaseException:
        streams.give_back(who)
        raise
    if is_resumed and first is None:
        streams.give_back(who)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def events() -> AsyncIterator[bytes]:
        try:
            async with aclosing(batches):
                for sent in first or ():
                    yield sent.encoded
                async for piece in _with_beats(streams, batches):
                    yield piece
        finally:
            streams.give_back(who)

    return StreamingResponse(events(), media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})


def _most(limit: int, host: str) -> int:
    return MOST_OF_ONE if is_loopback(host) or not limit else limit


async def _with_beats(streams: Streams, batches: Batches) -> AsyncIterator[bytes]:
    """The events of the batches, and a comment whenever there is none for a while."""
    coming: asyncio.Future[list[Sent] | None] | None = None
    try:
        while True:
            coming = coming or streams.coming(batches)
            done, _ = await asyncio.wait([coming], timeout=_BEAT_S)
            if not done:
                yield b": still here\n\n"
                continue
            if coming.cancelled():
                return
            batch, coming = coming.result(), None
            if batch is None:
                yield _END
                return
            yield b"".join(sent.encoded for sent in batch)
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
