"""What a restart and a view are told."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from coordinator.core.model import WorkState
from coordinator.store.changes import AttemptEnded, Outcome, RoundCommitted, RoundDone, WorkEnded, WorkStarted
from coordinator.store.store import Store
from rpc.messages import EventQuery, RoundRow
from tests.coordinator.store.stores import Batches, happened, submitted


def test_a_new_store_is_empty(store: Store) -> None:
    reader = store.reader
    assert list(reader.open_work()) == [] and reader.work_page() == () and reader.nodes() == ()
    assert reader.last_event() == 0
    assert reader.work("a") is None and reader.spec("a") is None and reader.work_by_key("ann", "k") is None
    assert reader.rounds("a") == () and reader.events("a") == () and reader.blobs("a") == {}


def test_the_spec_of_work_can_be_read(store: Store) -> None:
    store.write(1, [submitted("a")])
    assert store.reader.spec("a") == b"spec"


def test_pages_of_work_go_back_from_the_newest(store: Store) -> None:
    store.write(1, [submitted(f"w{number}") for number in range(7)])
    pages = []
    before = None
    while page := store.reader.work_page(before=before, limit=3):
        pages.append([work.id for work in page])
        before = page[-1].number
    assert pages == [["w6", "w5", "w4"], ["w3", "w2", "w1"], ["w0"]]


def test_a_page_can_be_of_some_states_and_of_one_owner(store: Store) -> None:
    batches = Batches(store)
    batches.write(*(submitted(name, owner=owner) for name, owner in (("a", "ann"), ("b", "bob"), ("c", "ann"))))
    batches.write(WorkStarted("a", 1), WorkEnded("c", WorkState.CANCELLED, 1))

    def ids(*states: WorkState, owner: str | None = None) -> str:
        return "".join(work.id for work in store.reader.work_page(states=states, owner=owner))

    assert ids() == "cba" and ids(owner="ann") == "ca"
    assert ids(WorkState.RUNNING) == "a" and ids(WorkState.PENDING, WorkState.CANCELLED) == "cb"
    assert ids(WorkState.CANCELLED, owner="bob") == ""


def test_a_page_can_be_of_one_kind(store: Store) -> None:
    Batches(store).write(submitted("a"), submitted("b"), replace(submitted("c"), kind="verify"))
    assert [work.id for work in store.reader.work_page(kinds=("run",))] == ["b", "a"]
    assert [work.id for work in store.reader.work_page(kinds=("verify",))] == ["c"]
    assert [work.id for work in store.reader.work_page(kinds=("run", "verify"))] == ["c", "b", "a"]


def test_work_is_told_its_own_events_and_those_of_nodes_since_it_was_submitted(store: Store) -> None:
    batches = Batches(store)
    batches.write(happened(1), happened(2))
    batches.write(submitted("a"), happened(3, "a"), happened(4))
    batches.write(submitted("b"), happened(5, "b"), happened(6), happened(7, "a"))

    def numbers(work_id: str, after: int = 0, limit: int = 500) -> list[int]:
        return [row.number for row in store.reader.events(work_id, after=after, limit=limit)]

    assert numbers("a") == [3, 4, 6, 7] and numbers("b") == [5, 6]
    assert numbers("a", after=4) == [6, 7] and numbers("a", limit=2) == [3, 4] and numbers("a", after=7) == []
    assert store.reader.last_event() == 7


def test_an_event_comes_back_whole(store: Store) -> None:
    row = happened(1, "a", kind="rejected", node="127.0.0.1:9091", round=3, shard=4, message="full")
    store.write(1, [submitted("a"), row])
    assert store.reader.events("a") == (row,)


def test_a_reader_never_sees_half_a_batch_while_the_writer_writes(store: Store) -> None:
    store.write(1, [submitted("a")])
    sizes: set[int] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            sizes.add(len(store.reader.events("a")) % 3)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    try:
        for number in range(2, 40):
            first = 3 * number
            store.write(number, [happened(first, "a"), happened(first + 1), happened(first + 2, "a")])
    finally:
        done.set()
        for thread in readers:
            thread.join(30)
    assert sizes == {0}


def test_events_are_found_by_work_node_time_and_number(store: Store) -> None:
    rows = (
        happened(1, node="n1", kind="node up"),
        happened(2, "a", kind="round done"),
        happened(3, "a", node="n1", kind="failed"),
        happened(4, "b", node="n2", kind="rejected"),
        happened(5),
    )
    store.write(1, [submitted("a"), submitted("b"), *rows])

    def numbers(*kinds: str, **query: Any) -> list[int]:
        return [row.number for row in store.reader.find_events(EventQuery(**query), kinds=kinds)]

    assert numbers() == [1, 2, 3, 4, 5] and numbers(limit=2) == [4, 5]
    assert numbers(work="a") == [2, 3] and numbers(node="n1") == [1, 3]
    assert numbers(since_ms=4) == [4, 5] and numbers(after=2) == [3, 4, 5] and numbers(after=2, limit=1) == [3]
    assert numbers(notable=True) == [1, 3, 5] and numbers("failed", "node up", work="a") == [3]


def test_set_backs_are_counted_and_failures_found_by_work_and_node(store: Store) -> None:
    def ended(node: str, outcome: Outcome, cause: str, work: str = "a") -> AttemptEnded:
        return AttemptEnded(work, f"{work}/1/0", node, outcome, 5, cause=cause)

    busy, broke = ended("n1", Outcome.REJECTED, "busy"), ended("n1", Outcome.FAILED, "timeout")
    other = ended("n2", Outcome.FAILED, "internal", "b")
    store.write(1, [submitted("a"), submitted("b"), busy, busy, broke, other])
    assert store.reader.set_backs("a") == {("rejected", "busy"): 2, ("failed", "timeout"): 1}
    assert store.reader.failures(work_id="a") == store.reader.failures(node_id="n1") == (broke,)
    assert store.reader.attempts("b", task="b/1/0") == (other,) and store.reader.attempts("a", task="x") == ()


def test_the_commit_of_a_round_is_written_after_it_and_the_slowest_is_found(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), RoundDone("a", RoundRow(1, seconds=2.0)), RoundDone("a", RoundRow(2, seconds=1.0)))
    assert store.reader.rounds("a", up_to=1)[0].row.commit_s is None
    batches.write(RoundCommitted("a", 1, 0.25))
    slowest = store.reader.slowest_round("a")
    assert slowest is not None and (slowest.row.round, slowest.row.commit_s) == (1, 0.25)
    later = store.reader.slowest_round("a", after=1)
    assert later is not None and later.row.round == 2
    assert store.reader.slowest_round("b") is None
