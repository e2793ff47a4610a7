"""BLAS threads, whose number holds for the whole process: tasks take turns when they want different numbers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlcore.kernels import set_blas_threads

_CHECK_S = 0.2


class BlasThreads:
    """Lets tasks run together that want the same number of BLAS threads; first come, first served."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._count = 0
        self._users = 0

    @contextmanager
    def limited_to(self, count: int, check: Callable[[], None]) -> Iterator[None]:
        """Within it BLAS uses `count` threads.

        Waits until no task needs another number and nobody has waited longer; calls `check` meanwhile, which ends
        the wait by what it raises.
        """
        with self._changed:
            self._wait_for_turn(count, check)
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

    def _wait_for_turn(self, count: int, check: Callable[[], None]) -> None:
        # Newcomers queue even if they want the number of now: else it might never change for those who wait.
        me = object()
        self._waiting.append(me)
        try:
            while self._waiting[0] is not me or (self._users and self._count != count):
                self._changed.wait(_CHECK_S)
                check()
        finally:
            self._waiting.remove(me)
            self._changed.notify_all()
