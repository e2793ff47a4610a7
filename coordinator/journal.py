"""What happened, in order, for whoever watches: lists of the latest events, and long polls that wait for news.

An event is shown once it is committed: what clients were told of stays true over a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice

from coordinator.core.events import Note
from rpc.loop import Loop, Timer
from rpc.messages import EventRow

_KEPT = 10_000  # events of one work, or of the nodes
_AT_ONCE = 500  # events in one answer
_GATHER_S = 0.1  # news of this long go out together


@dataclass(slots=True, eq=False)
class _Watcher:
    answer: Callable[[], None]
    timer: Timer


@dataclass(slots=True)
class _Story:
    """The events of one work; those of nodes belong to it from `first` on, and those up to `gone` are not here."""

    first: int
    gone: int = 0
    events: deque[EventRow] = field(default_factory=lambda: deque(maxlen=_KEPT))
    watchers: list[_Watcher] = field(default_factory=list)


class Journal:
    """Events, numbered from 1 over all work. Of very many the oldest are forgotten."""

    def __init__(self, loop: Loop, last: int = 0) -> None:
        """`last` is the number of the last event before this start."""
        self._loop = loop
        self._last = self._committed = last
        self._nodes = _Story(last + 1)
        self._work: dict[str, _Story] = {}
        self._changed: set[str] = set()
        self._flush_timer: Timer | None = None

    def append(self, note: Note, at_ms: int) -> EventRow:
        """Write down what happened; it is shown once `committed`."""
        story = self._story(note.work_id)
        self._last += 1
        row = EventRow(self._last, at_ms, note.kind, note.work_id, note.node_id, note.round, note.shard, note.message)
        if len(story.events) == _KEPT:
            story.gone = story.events[0].number
        story.events.append(row)
        return row

    def take_up(self, work_id: str) -> None:
        """The work is from before this start: what happened to it until now is in the store alone."""
        self._work[work_id] = _Story(self._last + 1, self._last)

    def last(self) -> int:
        """The number of the newest event."""
        return self._last

    def committed(self, number: int) -> None:
        """Events up to this one are committed."""
        self._committed = max(self._committed, number)

    def since(self, work_id: str, after: int) -> tuple[EventRow, ...]:
        """The events of a work, and of nodes since it began, with a number above `after`: a small answer's worth."""
        story = self._story(work_id)
        after = max(after, story.first - 1)
        found = merge(_newer(story.events, after), _newer(self._nodes.events, after), key=lambda row: row.number)
        return tuple(row for row in islice(found, _AT_ONCE) if row.number <= self._committed)

    def lacks(self, work_id: str, after: int) -> bool:
        """Whether some events after this one are in the store alone."""
        return after < self._story(work_id).gone

    def has_news(self, work_id: str, after: int) -> bool:
        return bool(_newer(self._story(work_id).events, after, self._committed))

    def changed(self, work_id: str) -> None:
        """Something about the work is different: tell its watchers, with what else happens until then."""
        story = self._work.get(work_id)
        if story is not None and story.watchers:
            self._changed.add(work_id)
            if self._flush_timer is None:
                self._flush_timer = self._loop.call_later(_GATHER_S, self.flush)

    def forget(self, work_id: str) -> None:
        """Nobody will ask for news of this work."""
        self._work.pop(work_id, None)

    def wait(self, work_id: str, wait_s: float, answer: Callable[[], None]) -> None:
        """Call `answer` once, when there is news of the work or the time is over."""
        watchers = self._story(work_id).watchers
        watcher: _Watcher

        def time_over() -> None:
            watchers.remove(watcher)
            answer()

        watcher = _Watcher(answer, self._loop.call_later(wait_s, time_over))
        watchers.append(watcher)

    def flush(self) -> None:
        """Answer everybody who waits for what has changed."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        changed, self._changed = self._changed, set()
        for work_id in changed:
            watchers = self._story(work_id).watchers
            waiting = list(watchers)
            watchers.clear()  # answers may wait again
            for watcher in waiting:
                watcher.timer.cancel()
                watcher.answer()

    def _story(self, work_id: str) -> _Story:
        if not work_id:
            return self._nodes
        return self._work.setdefault(work_id, _Story(self._last + 1))


def _newer(events: deque[EventRow], after: int, up_to: int | None = None) -> list[EventRow]:
    """The events with a number above `after`, found from the end: a watcher nearly always wants the last few."""
    found: list[EventRow] = []
    for row in reversed(events):
        if row.number <= after:
            break
        if up_to is None or row.number <= up_to:
            found.append(row)
    found.reverse()
    return found
