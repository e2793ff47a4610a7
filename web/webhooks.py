"""Webhooks: who asked for it is told by HTTP when work changes its state, signed, and again until it is taken.

Messages are signed as Standard Webhooks says <https://www.standardwebhooks.com>. What waits to be told is in the store:
a message may come twice, with the same `webhook-id`, but none is left out, whichever program was restarted.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from contextlib import aclosing, suppress
from dataclasses import asdict
from typing import Any

import httpx

from rpc.errors import NotFound, TrainerError
from rpc.messages import EventRow, Webhook, WorkRow
from rpc.plain_text import plain
from rpc.program import VERSION
from web.door import Door
from web.live import Live

_LOOK_S = 2.0  # between two looks at which webhooks there are
_TIMEOUT_S = 10.0  # of one message
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 3600.0
_GIVE_UP_S = 86_400.0  # of trying with one message
_FIRST = -1  # events from the first one on: after 0 are the newest alone

logger = logging.getLogger(__name__)


class Telling:
    """Tells all webhooks of one coordinator. Belongs to one event loop."""

    def __init__(self, door: Door, live: Live) -> None:
        self._door = door
        self._live = live
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT_S, follow_redirects=False, headers={"User-Agent": f"roundhouse/{VERSION}"}, trust_env=False
        )

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            while True:
                with suppress(TrainerError):  # the coordinator is away: it will be back
                    known: tuple[Webhook, ...] = await self._door.call("list_webhooks", True)
                    self._tell(known)
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await self._http.aclose()

    def _tell(self, known: tuple[Webhook, ...]) -> None:
        """Have a task for each webhook that there is."""
        for name in self._tasks.keys() - {each.id for each in known}:
            self._tasks.pop(name).cancel()
        for each in known:
            task = self._tasks.get(each.id)
            if task is None or task.done():
                if task is not None and not task.cancelled() and task.exception() is not None:
                    logger.error("%s is told anew", each.id, exc_info=task.exception())
                self._tasks[each.id] = asyncio.create_task(self._follow(each))

    async def _follow(self, webhook: Webhook) -> None:
        last = webhook.last
        async with aclosing(self._live.events(last or _FIRST)) as parts:
            async for part in parts:
                for event in part.items:
                    if event.work and event.number > last and event.kind in webhook.states:
                        work = await self._work(event)
                        if work is not None and work.array_id:
                            continue  # of an array it hears as of one job: not ten thousand times
                        fault = await self._deliver(webhook, event, work)
                        last = event.number
                        await self._note(webhook, last, fault)

    async def _work(self, event: EventRow) -> WorkRow | None:
        try:
            row: WorkRow = await self._door.call("find_work", event.work)
        except NotFound:
            return None  # removed since
        return row

    async def _deliver(self, webhook: Webhook, event: EventRow, work: WorkRow | None) -> str:
        """Tell of an event until it is taken; return nothing, or after a day why it was not."""
        body = json.dumps(_message(event, work)).encode()
        began, pause_s = time.monotonic(), _PAUSE_S
        while fault := await self._try(webhook, event, body):
            if time.monotonic() - began > _GIVE_UP_S:
                logger.error("%s: event %d is given up after a day: %s", webhook.id, event.number, fault)
                return f"event {event.number} was given up after a day: {fault}"
            logger.warning("%s: %s; trying again in %g s", webhook.id, fault, pause_s)
            await self._note(webhook, webhook.last, fault)
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
        return ""

    async def _try(self, webhook: Webhook, event: EventRow, body: bytes) -> str:
        """Say it once; return what was wrong, or nothing."""
        name = f"{webhook.id}-{event.number}"
        headers = {"Content-Type": "application/json", **signed(name, int(time.time()), body, webhook.secret)}
        try:
            # Nothing but the status is read: an answer without end must not fill the memory. httpx counts its seconds
            # anew with every byte: one who sends a head byte by byte would never be done.
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._http.stream("POST", webhook.url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError) as error:  # Unicode: no name as of IDNA
            return f"{plain(webhook.url)} is not to be reached: {plain(str(error)) or type(error).__name__}"
        return "" if 200 <= status < 300 else f"{plain(webhook.url)} answered {status}"

    async def _note(self, webhook: Webhook, last: int, fault: str = "") -> None:
        with suppress(TrainerError):  # then it is told twice
            await self._door.call("note_delivery", webhook.id, last, fault)


def _message(event: EventRow, work: WorkRow | None) -> dict[str, Any]:
    return {
        "type": f"work.{event.kind}",
        "timestamp": event.at_ms,
        "data": {"event": event.number, "id": event.work, "state": event.kind, "message": event.message}
        | {"work": None if work is None else asdict(work)},
    }


def signed(name: str, at_s: int, body: bytes, secret: str) -> dict[str, str]:
    """The headers that say who speaks: HMAC-SHA256 over `name.at_s.body`, with the secret's bytes as the key."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
