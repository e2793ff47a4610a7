"""Tests of work beside the loop, and of replies that come later."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import pytest

from rpc.aside import Aside
from rpc.session import Later
from tests.rpc.running import PATIENCE_S, RunningLoop

MakeAside = Callable[..., Aside]


@pytest.fixture
def make_aside(running_loop: RunningLoop) -> Iterator[MakeAside]:
    made: list[Aside] = []

    def make(threads: int = 1, **settings: Any) -> Aside:
        made.append(Aside(running_loop.loop, threads, "work", **settings))
        return made[-1]

    yield make
    for aside in made:
        assert aside.close(PATIENCE_S)


def test_results_and_errors_come_back_on_the_loop_in_order(make_aside: MakeAside) -> None:
    aside, outcomes = make_aside(), Queue[tuple[object, str]]()
    for work in (lambda: 7, lambda: 1 // 0, lambda: None, sys.exit):
        aside.run(work, lambda outcome: outcomes.put((outcome, threading.current_thread().name)))
    found = [outcomes.get(timeout=PATIENCE_S) for _ in range(4)]
    assert found[0][0] == 7 and found[2][0] is None
    assert isinstance(found[1][0], ZeroDivisionError)
    assert isinstance(found[3][0], RuntimeError), "the thread outlives a SystemExit"
    assert {thread for _, thread in found} == {"loop under test"}


def test_work_is_done_on_as_many_daemon_threads_as_were_asked_for(make_aside: MakeAside) -> None:
    aside, together, names = make_aside(3), threading.Barrier(3), Queue[tuple[str, bool]]()

    def meet() -> tuple[str, bool]:
        together.wait(PATIENCE_S)
        return threading.current_thread().name, threading.current_thread().daemon

    for _ in range(3):
        aside.run(meet, names.put)  # type: ignore[arg-type]  # it raises nothing
    assert sorted(names.get(timeout=PATIENCE_S) for _ in range(3)) == [(f"work-{n}", True) for n in range(3)]


@pytest.mark.parametrize("work", [lambda: 7, lambda: 1 // 0])
def test_a_later_is_answered_with_the_outcome(
    running_loop: RunningLoop, make_aside: MakeAside, work: Callable[[], int]
) -> None:
    aside, answers = make_aside(), Queue[tuple[object, Exception | None]]()
    running_loop.do(lambda: aside.later(work).then(lambda value, error: answers.put((value, error))))
    value, error = answers.get(timeout=PATIENCE_S)
    assert value == 7 or isinstance(error, ZeroDivisionError)


def test_after_close_nothing_is_begun_and_what_runs_is_waited_for_only_as_long_as_asked(make_aside: MakeAside) -> None:
    aside, begun, go_on = make_aside(), threading.Event(), threading.Event()
    ended: list[bool] = []

    def step() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    aside.run(step, lambda outcome: None)
    aside.run(lambda: ended.append(True), lambda outcome: None)
    assert begun.wait(PATIENCE_S)
    assert not aside.close()
    go_on.set()
    assert aside.close(PATIENCE_S)
    assert not ended


def test_an_idle_thread_says_so_once_until_it_has_worked_again(make_aside: MakeAside) -> None:
    idle = Queue[str]()
    aside = make_aside(when_idle=lambda: idle.put(threading.current_thread().name), idle_s=0.01)
    assert idle.get(timeout=PATIENCE_S) == "work-0"
    aside.run(lambda: None, lambda outcome: None)
    assert idle.get(timeout=PATIENCE_S) == "work-0"
    assert aside.close(PATIENCE_S)
    assert idle.empty()


@pytest.mark.parametrize("answer", [7, KeyError("no")])
def test_a_later_follows_another_whichever_comes_first(answer: object) -> None:
    told: list[tuple[object, Exception | None]] = []
    for comes_first in (True, False):
        other, later = Later(), Later()
        if comes_first:
            other.settle(answer)
        later.follow(other)
        later.then(lambda value, error: told.append((value, error)))
        other.settle(answer)
    assert told == ([(7, None)] if answer == 7 else [(None, answer)]) * 2
