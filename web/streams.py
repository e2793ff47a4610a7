"""Something that goes on, told to many: it is asked for once, however many listen, and a slow one holds up nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from rpc.errors import StoreDown, TrainerError, Unreachable
from rpc.messages import News

_PAUSE_S = 1.0  # while the coordinator is away
_KEPT = 32  # parts, for those who are a little behind; whoever is further behind asks alone


class Numbered(Protocol):
    """One thing that came; numbers grow."""

    @property
    def number(self) -> int: ...


T = TypeVar("T", bound=Numbered)


@dataclass(frozen=True, slots=True, eq=False)
class Part(Generic[T]):
    """What came in one go. Who listens hears the very same one as others do, but for who is behind.

    Attributes:
        items: numbered above `after`, in order.
        next: the number to go on after.
        is_last: nothing follows.
        now: how the work stands, where that is told as well; without its events.
    """

    after: int
    next: int
    items: tuple[T, ...]
    is_last: bool = False
    now: News | None = None

    def since(self, number: int) -> Part[T]:
        """What of it came after a number."""
        if number <= self.after:
            return self
        later = tuple(each for each in self.items if each.number > number)
        return replace(self, after=number, next=max(number, self.next), items=later)


# Returns what came after a number, at once; if it is told to wait, then where there is nothing a little later.
Ask = Callable[[int, bool], Awaitable[Part[T]]]


class Stream(Generic[T]):
    """One thing that goes on. While somebody listens who knows all so far, one task waits for what comes next."""

    def __init__(self, ask: Ask[T]) -> None:
        self._ask = ask
        self._parts: deque[Part[T]] = deque(maxlen=_KEPT)
        self._head = 0
        self._waiter: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._error: TrainerError | None = None
        self.n_listeners = 0

    async def follow(self, after: int) -> AsyncGenerator[Part[T], None]:
        """Yield what came after a number, and what comes, until nothing can come any more.

        While the coordinator is away it waits, once there was a first answer.

        Raises:
            TrainerError: what the coordinator answered.
        """
        self.n_listeners += 1
        try:
            part = await self._ask(after, False)
            yield part
            while not part.is_last:
                part = await self._next(part)
                yield part
        finally:
            self.n_listeners -= 1
            if not self.n_listeners:
                self._stop()

    async def _next(self, last: Part[T]) -> Part[T]:
        """What comes after a part."""
        is_told_all = not last.items
        while True:
            if (known := self._known(last)) is not None:
                return known
            if is_told_all if self._waiter is None else last.next >= self._head:
                await self._wait(last.next)
                continue
            try:
                part = await self._ask(last.next, False)
            except (Unreachable, StoreDown):
                await asyncio.sleep(_PAUSE_S)
                continue
            if part.items or part.is_last:
                return part
            is_told_all, last = True, part

    def _known(self, last: Part[T]) -> Part[T] | None:
        """The first of the kept parts that tells more, unless what came before them is not kept."""
        if self._is_behind(last.next):
            return None
        for part in self._parts:
            if part.next > last.next or part.is_last:
                return part.since(last.next)
        if self._parts and self._parts[-1].next == last.next and self._parts[-1].now != last.now:
            return self._parts[-1].since(last.next)
        return None

    def _is_behind(self, number: int) -> bool:
        return bool(self._parts) and self._parts[0].after > number

    async def _wait(self, after: int) -> None:
        """Return when there may be more after a number."""
        if self._waiter is None:
            self._parts.clear()
            self._head, self._error = after, None
            self._waiter = asyncio.create_task(self._watch())
        await self._changed.wait()
        if self._error is not None:
            raise self._error

    async def _watch(self) -> None:
        """Ask again and again for what comes next, until the end."""
        now: News | None = None
        try:
            while True:
                try:
                    part = await self._ask(self._head, True)
                except (Unreachable, StoreDown):
                    await asyncio.sleep(_PAUSE_S)
                    continue
                if part.items or part.is_last or part.now != now:
                    self._tell(part)
                if part.is_last:
                    return
                now = part.now
        except TrainerError as error:
            self._error = error
        finally:
            if self._waiter is asyncio.current_task():
                self._waiter = None
            self._wake()

    def _tell(self, part: Part[T]) -> None:
        self._parts.append(part)
        self._head = part.next
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _stop(self) -> None:
        if self._waiter is not None:
            self._waiter.cancel()
            self._waiter = None
        self._parts.clear()
