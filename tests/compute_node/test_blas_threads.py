"""Tasks share BLAS threads only when they want the same number, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from compute_node.blas_threads import BlasThreads
from mlcore.kernels import set_blas_threads
from rpc.errors import Cancelled
from tests.rpc.running import PATIENCE_S


@pytest.fixture(autouse=True)
def one_thread_afterwards() -> Iterator[None]:
    yield
    set_blas_threads(1)


class User:
    """A thread that asks for BLAS threads and holds them until `leave`."""

    def __init__(self, blas: BlasThreads, count: int, check: Callable[[], None] = lambda: None) -> None:
        self.is_in = threading.Event()
        self.error: Exception | None = None
        self._may_leave = threading.Event()
        self._checked = threading.Semaphore(0)
        self._check = check
        self._thread = threading.Thread(target=lambda: self._use(blas, count))
        self._thread.start()

    def is_waiting(self) -> bool:
        """Whether it still waits after it has looked twice."""
        return all(self._checked.acquire(timeout=PATIENCE_S) for _ in range(2)) and not self.is_in.is_set()

    def leave(self) -> None:
        self._may_leave.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _use(self, blas: BlasThreads, count: int) -> None:
        def check() -> None:
            self._checked.release()
            self._check()

        try:
            with blas.limited_to(count, check):
                self.is_in.set()
                self._may_leave.wait(PATIENCE_S)
        except Cancelled as error:
            self.error = error


@contextmanager
def inside(blas: BlasThreads, count: int) -> Iterator[User]:
    user = User(blas, count)
    assert user.is_in.wait(PATIENCE_S)
    yield user
    user.leave()


def test_tasks_of_one_thread_count_run_together_and_others_wait() -> None:
    blas = BlasThreads()
    with inside(blas, 1), inside(blas, 1):
        other = User(blas, 2)
        assert other.is_waiting()
    assert other.is_in.wait(PATIENCE_S)
    other.leave()


def test_newcomers_wait_behind_whoever_wants_another_number() -> None:
    blas = BlasThreads()
    with inside(blas, 1):
        other = User(blas, 2)
        assert other.is_waiting()
        newcomer = User(blas, 1)
        assert newcomer.is_waiting()
    assert other.is_in.wait(PATIENCE_S)
    assert newcomer.is_waiting()
    other.leave()
    assert newcomer.is_in.wait(PATIENCE_S)
    newcomer.leave()


def test_who_waits_can_be_cancelled_and_holds_nobody_up() -> None:
    def cancelled() -> None:
        raise Cancelled("while it waited")

    blas = BlasThreads()
    with inside(blas, 1):
        other = User(blas, 2, cancelled)
        other.leave()
        assert isinstance(other.error, Cancelled)
        with inside(blas, 1):
            pass
