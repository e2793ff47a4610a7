"""Answers of the coordinator that many pages need at once: each is asked for once in a moment, however many look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from web.door import Door

FRESH_S = 0.8
_MOST = 256  # answers that are kept


class Shared:
    """Calls whose answer may be a moment old. Belongs to one event loop."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._answers: dict[tuple[Any, ...], tuple[float, asyncio.Future[Any]]] = {}

    async def call(self, name: str, *args: Any) -> Any:
        """As `Door.call`; the answer may be one that another page got just now."""
        return await self.made((name, *args), lambda: self.door.call(name, *args))

    async def made(self, key: tuple[Any, ...], make: Callable[[], Awaitable[Any]], fresh_s: float = FRESH_S) -> Any:
        """Return what `make` returns, or returned for this key less than `fresh_s` ago; a fault is old at once."""
        now = time.monotonic()
        at, answer = self._answers.get(key, (0.0, None))
        if answer is None or (answer.done() and (now - at > fresh_s or _has_failed(answer))):
            answer = asyncio.ensure_future(make())
            self._answers.pop(key, None)
            self._answers[key] = (now, answer)
            while len(self._answers) > _MOST:
                del self._answers[next(iter(self._answers))]
        # One page that leaves must not end what others wait for.
        return await asyncio.shield(answer)


def _has_failed(answer: asyncio.Future[Any]) -> bool:
    return answer.cancelled() or answer.exception() is not None
