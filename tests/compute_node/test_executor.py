"""Tasks run on the slots' threads, and share BLAS threads only when they want the same number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue

import pytest

from compute_node.executor import BlasThreads, Executor
from mlcore.kernels import set_blas_threads
from tests.rpc.running import PATIENCE_S, RunningLoop


@pytest.fixture
def running() -> Iterator[RunningLoop]:
    running = RunningLoop()
    yield running
    running.close()


@pytest.fixture
def executor(running: RunningLoop) -> Iterator[Executor]:
    executor = Executor(running.loop, 2)
    yield executor
    executor.close()


def test_results_and_errors_come_back_on_the_loop_after_the_slot_is_free(
    running: RunningLoop, executor: Executor
) -> None:
    answers: Queue[tuple[object, Exception | None, str]] = Queue()
    freed: list[bool] = []

    def start() -> None:
        for work in (lambda: 7, lambda: 1 // 0):
            later = executor.run(work, lambda: freed.append(True))
            later.then(lambda value, error: answers.put((value, error, threading.current_thread().name)))

    running.do(start)
    found = sorted((answers.get(timeout=PATIENCE_S) for _ in range(2)), key=lambda answer: answer[1] is not None)
    assert found[0][:2] == (7, None)
    assert isinstance(found[1][1], ZeroDivisionError)
    assert {name for *_, name in found} == {"loop under test"}
    assert freed == [True, True]


def test_tasks_of_one_thread_count_run_together_and_others_wait() -> None:
    blas = BlasThreads()
    together, other = threading.Barrier(2), threading.Event()

    def one() -> None:
        with blas.limited_to(1):
            together.wait(PATIENCE_S)
            assert not other.is_set()
            together.wait(PATIENCE_S)

    def two() -> None:
        with blas.limited_to(2):
            other.set()

    threads = [threading.Thread(target=one), threading.Thread(target=one)]
    for thread in threads:
        thread.start()
    waiting = threading.Thread(target=two)
    waiting.start()
    for thread in (*threads, waiting):
        thread.join(PATIENCE_S)
    assert other.is_set()
    set_blas_threads(1)
