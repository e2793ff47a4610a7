"""What happened, in order, for whoever watches: an append-only list of events, and long polls that wait for news."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from coordinator.core.events import Note
from rpc.loop import Loop, Timer
from rpc.messages import EventRow

_KEPT = 100_000  # events
_AT_ONCE = 500  # events in one answer
_GATHER_S = 0.1  # news of this long go out together


@dataclass(slots=True, eq=False)
class _Watcher:
    work_id: str
    answer: Callable[[], None]
    timer: Timer


class Journal:
    """Events by number, from 1. Old ones are forgotten once there are very many."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._events: deque[EventRow] = deque(maxlen=_KEPT)
        self._last = 0
        self._last_of: dict[str, int] = {}
        self._watchers: dict[str, list[_Watcher]] = {}
        self._changed: set[str] = set()
        self._flush_timer: Timer | None = None

    def append(self, note: Note, at_ms: int) -> EventRow:
        self._last += 1
        row = EventRow(self._last, at_ms, note.kind, note.work_id, note.node_id, note.round, note.shard, note.message)
        self._events.append(row)
        self._last_of[note.work_id] = self._last
        return row

    def since(self, work_id: str, after: int) -> tuple[EventRow, ...]:
        """The events of a work, and of nodes, with a number above `after`; not more than fit a small answer."""
        first = self._events[0].number if self._events else 1
        rows = islice(self._events, max(0, after + 1 - first), None)
        return tuple(islice((row for row in rows if row.work in ("", work_id)), _AT_ONCE))

    def has_news(self, work_id: str, after: int) -> bool:
        return self._last_of.get(work_id, 0) > after

    def changed(self, work_id: str) -> None:
        """Something about the work is different: tell its watchers, with what else happens until then."""
        if work_id in self._watchers:
            self._changed.add(work_id)
            if self._flush_timer is None:
                self._flush_timer = self._loop.call_later(_GATHER_S, self.flush)

    def forget(self, work_id: str) -> None:
        """Nobody will ask for news of this work; its events go when they are old."""
        self._last_of.pop(work_id, None)

    def wait(self, work_id: str, wait_s: float, answer: Callable[[], None]) -> None:
        """Call `answer` once, when there is news of the work or the time is over."""
        watcher: _Watcher

        def time_over() -> None:
            self._watchers.get(work_id, []).remove(watcher)
            answer()

        watcher = _Watcher(work_id, answer, self._loop.call_later(wait_s, time_over))
        self._watchers.setdefault(work_id, []).append(watcher)

    def flush(self) -> None:
        """Answer everybody who waits for what has changed."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        changed, self._changed = self._changed, set()
        for work_id in changed:
            for watcher in self._watchers.pop(work_id, []):
                watcher.timer.cancel()
                watcher.answer()
