"""Old events give way to their counts."""

from __future__ import annotations

from coordinator.core.model import WorkState
from coordinator.store.changes import AttemptEnded, Outcome, WorkEnded, WorkStarted
from coordinator.store.store import Store
from coordinator.store.thinning import Retention
from tests.coordinator.store.stores import Batches, happened, submitted

DAY_MS = 86_400_000


def thin(store: Store, *, rows: int = 100, at_most: int = 100, days: float = 1.0, now_ms: int = DAY_MS) -> int:
    return store.thin(store.reader.surplus(Retention(days, rows), now_ms=now_ms, most=at_most))


def numbers(store: Store, work_id: str) -> list[int]:
    return [row.number for row in store.reader.events(work_id)]


def test_ended_work_keeps_its_newest_events_and_the_counts_of_all(store: Store) -> None:
    kinds = ["round done", "round done", "rejected", "round done", "stale"]
    events = [happened(number, "a", kind=kind) for number, kind in enumerate(kinds, 1)]
    store.write(1, [submitted("a"), *events, WorkEnded("a", WorkState.COMPLETED, 9)])
    assert thin(store, rows=2) == 3
    assert numbers(store, "a") == [4, 5]
    assert store.reader.event_counts("a") == {"round done": 3, "rejected": 1, "stale": 1}
    assert thin(store, rows=2) == 0


def test_work_that_waits_keeps_all_events_and_work_that_runs_its_newest(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), *(happened(number, "a", kind="stale") for number in range(1, 9)))
    assert thin(store, rows=2) == 0
    batches.write(WorkStarted("a", 1))
    assert thin(store, rows=2) == 6
    assert numbers(store, "a") == [7, 8]


def test_what_went_wrong_is_kept_four_times_as_long_and_as_many(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), WorkStarted("a", 1))
    batches.write(*(happened(number, "a", kind="failed" if number % 2 else "stale") for number in range(1, 21)))
    assert thin(store, rows=2) == 8 + 2
    assert [row.kind for row in store.reader.events("a")].count("failed") == 8
    assert thin(store, now_ms=2 * DAY_MS) == 2
    assert {row.kind for row in store.reader.events("a")} == {"failed"}
    assert thin(store, now_ms=5 * DAY_MS) == 8
    assert store.reader.event_counts("a") == {"failed": 10, "stale": 10}


def test_attempts_go_by_their_age_and_their_number(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), WorkStarted("a", 1))
    batches.write(*(AttemptEnded("a", "a/1/0", "n", Outcome.FAILED, at_ms=1, fence=fence) for fence in range(5)))
    thin(store, rows=3)
    assert [attempt.fence for attempt in store.reader.attempts("a")] == [2, 3, 4]
    thin(store, now_ms=5 * DAY_MS)
    assert store.reader.attempts("a") == ()


def test_a_call_removes_no_more_than_it_may_and_the_next_goes_on(store: Store) -> None:
    batches = Batches(store)
    number = 0
    for name in "ab":
        events = [happened(number := number + 1, name, kind="stale") for _ in range(10)]
        batches.write(submitted(name), *events, WorkEnded(name, WorkState.FAILED, 1))
    assert [thin(store, rows=3, at_most=4) for _ in range(5)] == [4, 4, 4, 2, 0]
    assert numbers(store, "a") == [8, 9, 10] and numbers(store, "b") == [18, 19, 20]
    assert store.reader.event_counts("a") == {"stale": 10}


def test_the_newest_events_of_nodes_are_kept(store: Store) -> None:
    store.write(1, [submitted("a"), *(happened(number, kind="node up") for number in range(1, 9))])
    assert thin(store, rows=2) == 6
    assert numbers(store, "a") == [7, 8]
    assert store.reader.event_counts("") == {"node up": 8}
    assert store.reader.last_event() == 8
