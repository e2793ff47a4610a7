"""Old events give way to their counts."""

from __future__ import annotations

from coordinator.core.model import WorkState
from coordinator.store.changes import WorkEnded
from coordinator.store.store import Store
from tests.coordinator.store.stores import Batches, happened, submitted


def numbers(store: Store, work_id: str) -> list[int]:
    return [row.number for row in store.reader.events(work_id)]


def test_ended_work_keeps_its_newest_events_and_the_counts_of_all(store: Store) -> None:
    kinds = ["placed", "placed", "rejected", "placed", "completed"]
    events = [happened(number, "a", kind=kind) for number, kind in enumerate(kinds, 1)]
    store.write(1, [submitted("a"), *events, WorkEnded("a", WorkState.COMPLETED, 9)])
    assert store.thin_events(keep=2, at_most=100) == 3
    assert numbers(store, "a") == [4, 5]
    assert store.reader.event_counts("a") == {"placed": 3, "rejected": 1, "completed": 1}
    assert store.thin_events(keep=2, at_most=100) == 0


def test_open_work_keeps_all_events(store: Store) -> None:
    store.write(1, [submitted("a"), *(happened(number, "a") for number in range(1, 9))])
    assert store.thin_events(keep=2, at_most=100) == 0
    assert len(numbers(store, "a")) == 8


def test_a_call_removes_no_more_than_it_may_and_the_next_goes_on(store: Store) -> None:
    batches = Batches(store)
    number = 0
    for name in "ab":
        events = [happened(number := number + 1, name) for _ in range(10)]
        batches.write(submitted(name), *events, WorkEnded(name, WorkState.FAILED, 1))
    assert [store.thin_events(keep=3, at_most=4) for _ in range(5)] == [4, 4, 4, 2, 0]
    assert numbers(store, "a") == [8, 9, 10] and numbers(store, "b") == [18, 19, 20]
    assert store.reader.event_counts("a") == {"note": 10}


def test_the_newest_events_of_nodes_are_kept(store: Store) -> None:
    store.write(1, [submitted("a"), *(happened(number) for number in range(1, 9))])
    assert store.thin_events(keep=2, at_most=100) == 6
    assert numbers(store, "a") == [7, 8]
    assert store.reader.event_counts("") == {"note": 8}
    assert store.reader.last_event() == 8
