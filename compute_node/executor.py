"""Runs tasks on one thread per slot, and small file work beside them; results come back on the loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from mlcore.kernels import set_blas_threads
from rpc.loop import Loop
from rpc.server import Later

T = TypeVar("T")


class Executor:
    """Threads that work for the loop."""

    def __init__(self, loop: Loop, slots: int) -> None:
        self._loop = loop
        self._tasks = ThreadPoolExecutor(slots, "task")
        self._files = ThreadPoolExecutor(1, "files")

    def run(self, work: Callable[[], T], after: Callable[[], None] | None = None) -> Later:
        """Run `work` on a slot's thread; `after` is called on the loop before the reply."""
        return self._later(self._tasks.submit(work), after)

    def run_file_work(self, work: Callable[[], T]) -> Later:
        return self._later(self._files.submit(work), None)

    def close(self) -> None:
        """Stop taking work; what runs is not waited for."""
        self._tasks.shutdown(wait=False, cancel_futures=True)
        self._files.shutdown(wait=False, cancel_futures=True)

    def _later(self, future: Future[T], after: Callable[[], None] | None) -> Later:
        later = Later()

        def finish() -> None:
            if after is not None:
                after()
            error = future.exception()
            if error is None:
                later.resolve(future.result())
            else:
                later.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

        future.add_done_callback(lambda _: self._loop.post(finish))
        return later


class BlasThreads:
    """Lets tasks run together that want the same number of BLAS threads: the number holds for the whole process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._users = 0

    @contextmanager
    def limited_to(self, count: int) -> Iterator[None]:
        """Within it BLAS uses `count` threads; waits until no task needs another number."""
        with self._changed:
            self._changed.wait_for(lambda: self._users == 0 or self._count == count)
            if self._count != count:
                set_blas_threads(count)
                self._count = count
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()
