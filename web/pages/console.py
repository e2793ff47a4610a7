"""What all pages of whoever shows a token share: the way to the coordinator, its news, and what was seen of late."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from weakref import WeakKeyDictionary

from fastapi import Request

from rpc.messages import Overview
from web.door import Door
from web.latest import Seen
from web.live import Live
from web.pages.history import Errors, Load
from web.pages.long_runs import LongRuns
from web.pages.shared import Shared
from web.visitors import Visitor, Visitors

_RUNS = 20  # of each, on the first page


class Console:
    """Belongs to one event loop."""

    def __init__(self, door: Door, live: Live) -> None:
        self.door = door
        self.live = live
        self.shared = Shared(door)
        self.runs = LongRuns(self.shared)
        self.load = Load()
        self.errors = Errors(door)

    async def glance(self) -> Overview:
        """How things stand now."""
        now: Overview = await self.shared.call("glance", _RUNS)
        self.note(now)
        return now

    def note(self, now: Overview) -> None:
        """Remember of it what curves are made of."""
        self.load.note(now, time.monotonic())
        self.errors.note(now)

    async def overview(self) -> AsyncGenerator[Seen[Overview], None]:
        """As `Live.overview`, with what was seen remembered."""
        async with aclosing(self.live.overview()) as all_seen:
            async for seen in all_seen:
                if seen.now is not None:
                    self.note(seen.now)
                yield seen


class Consoles:
    """Those of all visitors; one is there as long as its visitor is. Belongs to one event loop."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors
        self._of: WeakKeyDictionary[Visitor, Console] = WeakKeyDictionary()

    def of(self, request: Request) -> Console:
        """Return the console of whoever asks for a page."""
        visitor = self._visitors.of(request.state.token)
        console = self._of.get(visitor)
        if console is None:
            console = self._of[visitor] = Console(visitor.door, visitor.live)
        return console
