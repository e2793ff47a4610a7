"""Work beside the loop: on threads of its own, with the outcome back on the loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TypeVar

from rpc.loop import Loop
from rpc.session import Later

T = TypeVar("T")

_IDLE_S = 60.0


class Aside:
    """A number of threads that do work for a loop, in the order in which it is given.

    They are daemon threads: a program that is told to end does not wait for the step that one of them is in.
    """

    def __init__(
        self,
        loop: Loop,
        threads: int,
        name: str,
        *,
        when_idle: Callable[[], None] = lambda: None,
        idle_s: float = _IDLE_S,
    ) -> None:
        """Start the threads; each that had no work for `idle_s` calls `when_idle`, once until it has had some."""
        self._loop = loop
        self._when_idle = when_idle
        self._idle_s = idle_s
        self._closed = False
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Do `work` on a thread; `done` gets what it returned or raised, on the loop."""

        def step() -> None:
            outcome = outcome_of(work)
            self._loop.post(lambda: done(outcome))

        self._queue.put(step)

    def later(self, work: Callable[[], T]) -> Later:
        """Do `work` on a thread; what it returned or raised is the reply."""
        later = Later()
        self.run(work, later.settle)
        return later

    def close(self, patience_s: float = 0.0) -> bool:
        """Begin no more work, wait that long for what was begun; return whether all threads have ended."""
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        end = monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (step := self._next()) is not None and not self._closed:
            step()
            del step  # what it holds on to may be large, and the next one far away

    def _next(self) -> Callable[[], None] | None:
        try:
            return self._queue.get(timeout=self._idle_s)
        except Empty:
            self._when_idle()
            return self._queue.get()


def outcome_of(work: Callable[[], T]) -> T | Exception:
    """What the work returned or raised."""
    try:
        return work()
    except Exception as error:
        return error
    except BaseException as error:  # SystemExit, say: the thread must outlive it, and somebody waits for an answer
        return RuntimeError(repr(error))
