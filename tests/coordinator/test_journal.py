"""Events by number, and long polls that wait for news."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, Queue

import pytest

from coordinator.core.events import Note
from coordinator.journal import Journal
from tests.rpc.running import PATIENCE_S, RunningLoop


@pytest.fixture
def running() -> Iterator[RunningLoop]:
    running = RunningLoop()
    yield running
    running.close()


def test_a_watcher_sees_the_events_of_its_work_and_of_nodes_after_a_number(running: RunningLoop) -> None:
    journal = Journal(running.loop)
    for number, work in enumerate(("a", "b", "", "a"), 1):
        journal.append(Note("kind", f"event {number}", work), 0)
    assert journal.since("a", 0) == () and not journal.has_news("a", 0)
    journal.committed(4)
    assert [row.number for row in journal.since("a", 0)] == [1, 3, 4]
    assert [row.number for row in journal.since("a", 1)] == [3, 4]
    assert journal.since("a", 4) == ()
    assert journal.has_news("a", 3) and not journal.has_news("a", 4) and not journal.has_news("c", 0)


def test_whoever_waits_is_answered_once_when_something_changes(running: RunningLoop) -> None:
    journal, answers = Journal(running.loop), Queue[str]()
    running.do(lambda: journal.wait("a", 30.0, lambda: answers.put("first")))
    running.do(lambda: journal.wait("b", 30.0, lambda: answers.put("other")))
    running.do(lambda: journal.changed("a"))
    running.do(lambda: journal.changed("a"))
    assert answers.get(timeout=PATIENCE_S) == "first"
    with pytest.raises(Empty):
        answers.get(timeout=0.3)


def test_whoever_waits_is_answered_when_the_time_is_over(running: RunningLoop) -> None:
    journal, answers = Journal(running.loop), Queue[str]()
    running.do(lambda: journal.wait("a", 0.05, lambda: answers.put("over")))
    assert answers.get(timeout=PATIENCE_S) == "over"
    running.do(lambda: journal.changed("a"))
    running.do(journal.flush)
    assert answers.empty()


def test_a_work_is_told_of_nodes_since_it_began(running: RunningLoop) -> None:
    journal = Journal(running.loop)
    for work in ("", "a", "", "b"):
        journal.append(Note("kind", "text", work), 0)
    journal.committed(4)
    assert [row.number for row in journal.since("a", 0)] == [2, 3]
    assert [row.number for row in journal.since("b", 0)] == [4]


def test_a_watcher_of_forgotten_events_gets_the_newest_and_goes_on_from_there(running: RunningLoop) -> None:
    journal = Journal(running.loop)
    for _ in range(12_000):
        journal.append(Note("kind", "text", "a"), 0)
    journal.committed(12_000)
    assert journal.lacks("a", 0)
    after, seen = 0, 0
    while journal.has_news("a", after):
        rows = journal.since("a", after)
        seen, after = seen + len(rows), rows[-1].number
    assert (seen, after) == (10_000, 12_000)


def test_what_happened_before_a_restart_is_in_the_store_alone(running: RunningLoop) -> None:
    journal = Journal(running.loop, last=7)
    journal.take_up("a")
    assert journal.lacks("a", 6) and not journal.lacks("a", 7) and not journal.lacks("new", 0)
    journal.committed(journal.append(Note("kind", "text", "a"), 0).number)
    assert [row.number for row in journal.since("a", 7)] == [8]
