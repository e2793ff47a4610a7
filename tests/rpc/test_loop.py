"""Tests of the event loop."""

from __future__ import annotations

import socket
from queue import Queue
from threading import Thread, get_ident
from time import monotonic, process_time

import pytest

from rpc.loop import READ, WRITE, Loop
from tests.rpc.running import RunningLoop


def test_calls_posted_by_many_threads_are_all_made_in_order_on_the_loops_thread() -> None:
    running = RunningLoop()
    made: list[tuple[int, int, int]] = []

    def post(poster: int) -> None:
        for number in range(2000):
            running.loop.post(lambda number=number: made.append((poster, number, get_ident())))  # type: ignore[misc]

    threads = [Thread(target=post, args=(poster,)) for poster in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.do(lambda: None)
    running.close()
    assert len({thread for _, _, thread in made}) == 1
    for poster in range(4):
        assert [number for who, number, _ in made if who == poster] == list(range(2000))


def test_timers_run_in_the_order_of_their_times_and_not_when_cancelled() -> None:
    loop = Loop()
    ran: list[str] = []
    start = monotonic()
    loop.call_later(0.03, lambda: ran.append("third"))
    loop.call_later(0.01, lambda: ran.append("first"))
    late = loop.call_later(0.02, lambda: ran.append("cancelled"))
    loop.call_later(0.02, lambda: ran.append("second"))
    loop.call_later(0.0, late.cancel)
    loop.call_later(0.04, loop.stop)
    loop.run()
    late.cancel()
    assert ran == ["first", "second", "third"]
    assert 0.04 <= monotonic() - start < 5


def test_cancelled_timers_do_not_pile_up() -> None:
    loop = Loop()
    for _ in range(100_000):
        loop.call_later(3600, lambda: None).cancel()
    assert len(loop._timers) < 1000
    loop.call_later(0, loop.stop)
    loop.run()


def test_a_callback_that_fails_is_logged_and_the_loop_lives(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    near, far = socket.socketpair()
    ran: list[str] = []

    def fail(_events: int = 0) -> None:
        near.recv(1)
        raise KeyError("broken")

    with near, far:
        loop.register(near, READ, fail)
        far.send(b"abc")
        loop.post(fail)
        loop.call_later(0.0, fail)
        loop.call_later(0.05, lambda: ran.append("alive"))
        loop.call_later(0.06, loop.stop)
        loop.run()
    assert ran == ["alive"]
    assert len([record for record in caplog.records if record.exc_info]) == 3


def test_a_socket_is_watched_for_what_was_asked_last(running_loop: RunningLoop) -> None:
    near, far = socket.socketpair()
    seen: Queue[int] = Queue()

    def watch(events: int) -> None:
        running_loop.loop.modify(near, events, on_ready)

    def on_ready(events: int) -> None:
        seen.put(events)
        watch(READ)
        if events & READ:
            near.recv(10)

    with near, far:
        running_loop.do(lambda: running_loop.loop.register(near, WRITE, on_ready))
        assert seen.get(timeout=5) == WRITE
        far.send(b"x")
        assert seen.get(timeout=5) == READ
        running_loop.do(lambda: running_loop.loop.unregister(near))
        far.send(b"y")
        running_loop.do(lambda: None)
        assert seen.empty()


def test_an_idle_loop_uses_no_processor_time_and_stops_at_once() -> None:
    running = RunningLoop()
    running.do(lambda: None)
    before = process_time()
    waits: Queue[None] = Queue()
    running.do(lambda: running.loop.call_later(0.3, lambda: waits.put(None)))
    waits.get(timeout=5)
    assert process_time() - before < 0.1
    start = monotonic()
    running.close()
    assert monotonic() - start < 1


def test_posting_to_a_loop_that_has_ended_is_harmless() -> None:
    running = RunningLoop()
    running.close()
    running.loop.post(lambda: None)
    running.loop.stop()
