"""Something of which only the newest state counts, told to many: it is asked for once, however many look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from rpc.errors import TrainerError, Unauthenticated

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What was seen last.

    Attributes:
        now: None: nothing yet.
        fault: why it is not seen now, as when the coordinator is away; empty: it is.
    """

    now: T | None
    fault: str = ""


class Latest(Generic[T]):
    """One thing that is looked at every `every_s` seconds while somebody listens."""

    def __init__(self, ask: Callable[[], Awaitable[T]], every_s: float) -> None:
        self._ask = ask
        self._every_s = every_s
        self._seen: Seen[T] = Seen(None)
        self._changed = asyncio.Event()
        self._looker: asyncio.Task[None] | None = None
        self._n_listeners = 0

    async def follow(self) -> AsyncGenerator[Seen[T], None]:
        """Yield the newest state whenever it has changed, and when it cannot be seen any more; without end.

        What is a bug of whoever is asked is raised here: nobody waits for what cannot come any more.
        """
        self._n_listeners += 1
        looker = self._begin()
        told = None
        try:
            while True:
                changed, seen = self._changed, self._seen
                if seen != told and seen != Seen(None):
                    told = seen
                    yield seen
                else:
                    await changed.wait()
                    if looker.done():
                        looker.result()
        finally:
            self._n_listeners -= 1
            if not self._n_listeners and self._looker is not None:
                self._looker.cancel()
                self._looker = None

    def _begin(self) -> asyncio.Task[None]:
        """The task that looks."""
        if self._looker is None or self._looker.done():
            self._seen = Seen(None)
            self._looker = asyncio.create_task(self._look())
            self._looker.add_done_callback(lambda _: self._wake())
        return self._looker

    async def _look(self) -> None:
        while True:
            is_over = False
            try:
                seen = Seen(await self._ask())
            except TrainerError as error:
                seen = Seen(self._seen.now, str(error))
                is_over = isinstance(error, Unauthenticated)  # the token was revoked: it would be refused for ever
            if seen != self._seen:
                self._seen = seen
                self._wake()
            if is_over:
                return
            await asyncio.sleep(self._every_s)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
