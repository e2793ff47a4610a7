"""The news of the coordinator, shared by all pages and streams of this process: each thing is asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from client.results import FINAL_STATES
from rpc.messages import EventPage, EventQuery, EventRow, LogPage, Metric, News, Overview, WorkRow
from web.door import Door
from web.latest import Latest, Seen
from web.log_lines import LogLine, lines_of
from web.streams import Numbered, Part, Stream

_GLANCE_RUNS = 20  # of each: running, waiting, ended
_GLANCE_S = 1.0
_EVENTS_S = _METRICS_S = 0.5  # between two questions where the coordinator cannot hold back its answer
_WORK_PAUSE_S = 0.2  # nobody reads faster, and what is written for hundreds is written less often
_WORK_S = 2.0  # of a long poll: what a job uses is told without any event
_LOG_S = 20.0
_LOG_BYTES = 256 << 10  # of one part: more would hold up this process while it is taken apart
_MOST = 500  # events or metrics of one part

T = TypeVar("T", bound=Numbered)


class Live:
    """What goes on. Belongs to one event loop.

    Whoever stops listening early closes the generator, as `contextlib.aclosing` does.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._overview: Latest[Overview] = Latest(partial(door.call, "glance", _GLANCE_RUNS), _GLANCE_S)
        self._streams: dict[tuple[str, ...], Stream[Any]] = {}

    def overview(self) -> AsyncGenerator[Seen[Overview], None]:
        """Yield nodes and work, with up to 20 each of what runs, waits and has ended, whenever something changed."""
        return self._overview.follow()

    def work(self, work_id: str, after: int = 0) -> AsyncGenerator[Part[EventRow], None]:
        """Yield what happens to a run or job after an event's number, and how it stands; the last says how it ended.

        Raises:
            NotFound: there is no such work.
        """
        return self._follow(("work", work_id), self._ask_work, after)

    def events(self, after: int = 0) -> AsyncGenerator[Part[EventRow], None]:
        """Yield what happens, after an event's number; 0: the newest that were, and what follows. Without end."""
        return self._follow(("events",), self._ask_events, after)

    def log(self, job_id: str, offset: int = 0) -> AsyncGenerator[Part[LogLine], None]:
        """Yield the log of a job from a byte offset on, until the job is over; a negative one counts from the end.

        Raises:
            NotFound: there is no such job.
        """
        return self._follow(("log", job_id), self._ask_log, offset)

    def metrics(self, job_id: str, after: int = 0) -> AsyncGenerator[Part[Metric], None]:
        """Yield what a job tells of itself, after a metric's number, until the job is over.

        Raises:
            NotFound: there is no such job.
        """
        return self._follow(("metrics", job_id), self._ask_metrics, after)

    async def _follow(
        self, key: tuple[str, ...], ask: Callable[..., Awaitable[Part[T]]], after: int
    ) -> AsyncGenerator[Part[T], None]:
        """Listen to the one stream of this key, which is there as long as somebody does."""
        stream = self._streams.setdefault(key, Stream(partial(ask, *key[1:])))
        try:
            async with aclosing(stream.follow(after)) as parts:
                async for part in parts:
                    yield part
        finally:
            if not stream.n_listeners:
                self._streams.pop(key, None)

    async def _ask_work(self, work_id: str, after: int, waits: bool) -> Part[EventRow]:
        waits_s = _WORK_S if waits else 0.0
        if waits:
            await asyncio.sleep(_WORK_PAUSE_S)
        news: News = await self._door.call("watch", work_id, after, round(1000 * waits_s), waits_s=waits_s)
        # One answer holds only so many events: after the end more of them may be left.
        is_last = news.row.state in FINAL_STATES and not news.events
        return Part(after, max(after, news.last), news.events, is_last, replace(news, events=(), last=0))

    async def _ask_events(self, after: int, waits: bool) -> Part[EventRow]:
        page: EventPage = await self._door.call("list_events", EventQuery(after=after, limit=_MOST))
        if waits and not page.events:
            await asyncio.sleep(_EVENTS_S)
        return Part(after, page.last, page.events)

    async def _ask_log(self, job_id: str, offset: int, waits: bool) -> Part[LogLine]:
        waits_s = _LOG_S if waits else 0.0
        page: LogPage = await self._door.call(
            "logs", job_id, offset, _LOG_BYTES, round(1000 * waits_s), waits_s=waits_s
        )
        # A coordinator that came back has yet to hear from the node what it was told already.
        return Part(offset, max(offset, page.next_offset), lines_of(page, offset), page.is_whole)

    async def _ask_metrics(self, job_id: str, after: int, waits: bool) -> Part[Metric]:
        row: WorkRow = await self._door.call("find_work", job_id)  # first: what it tells up to its end is told then
        metrics: tuple[Metric, ...] = await self._door.call("list_metrics", job_id, after, _MOST)
        if waits and not metrics:
            await asyncio.sleep(_METRICS_S)
        is_last = row.state in FINAL_STATES and len(metrics) < _MOST
        return Part(after, metrics[-1].number if metrics else after, metrics, is_last)
