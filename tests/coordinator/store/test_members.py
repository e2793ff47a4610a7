"""Arrays in the store: all of their members at once or none, listed apart, and removed with them."""

from __future__ import annotations

from typing import Any

from coordinator.core.model import WorkState
from coordinator.store.changes import BlobNamed, WorkEnded, WorkForgotten, WorkSubmitted
from coordinator.store.store import Store
from rpc.errors import FailureKind
from tests.coordinator.store.stores import Batches, happened, submitted


def array(name: str, size: int, **settings: Any) -> WorkSubmitted:
    members = {index: f"{name}-{index}" for index in range(1, size + 1)}
    return submitted(name, members=members, member_kind="script", blobs={"bundle": "b"}, **settings)


def failed(work_id: str) -> WorkEnded:
    return WorkEnded(work_id, WorkState.FAILED, 5, "exit status 1", FailureKind.USER_ERROR)


def test_an_array_is_written_with_its_members_or_not_at_all(store: Store) -> None:
    batches = Batches(store)
    first, again = array("a", 3, key="once"), array("b", 3, key="once")
    assert batches.write(first, again) == (again,)
    assert [each.work.id for each in store.reader.open_work()] == ["a", "a-1", "a-2", "a-3"]
    assert [(each.work.array_id, each.work.array_index, each.spec) for each in store.reader.open_work()] == [
        ("", 0, b"spec"), *(("a", index, b"") for index in (1, 2, 3)),
    ]  # fmt: skip


def test_lists_show_members_where_they_are_asked_for(store: Store) -> None:
    batches = Batches(store)
    batches.write(array("a", 3))
    batches.write(submitted("c"))
    page = store.reader.work_page
    assert [each.id for each in page()] == ["c", "a"]
    assert [each.id for each in page(array="a", limit=2)] == ["a-3", "a-2"]
    assert [each.id for each in page(array=None)] == ["c", "a-3", "a-2", "a-1", "a"]
    assert [each.id for each in store.reader.work_called("a", limit=5)] == ["a"]


def test_ends_of_members_are_counted_with_the_first_of_each_kind(store: Store) -> None:
    batches = Batches(store)
    batches.write(array("a", 12), array("aa", 2))
    done = (WorkEnded(f"a-{index}", WorkState.COMPLETED, 4) for index in (2, 1))
    batches.write(failed("a-11"), failed("a-3"), *done, failed("aa-1"))
    found = {each.state: (each.count, each.first.id) for each in store.reader.ended_members("a")}
    assert found == {WorkState.FAILED: (2, "a-3"), WorkState.COMPLETED: (2, "a-1")}
    assert [each.id for each in store.reader.members("a", WorkState.FAILED, limit=5)] == ["a-3", "a-11"]


def test_members_go_with_their_array_and_count_for_nothing_else(store: Store) -> None:
    batches = Batches(store)
    batches.write(array("a", 3), array("b", 1))
    batches.write(submitted("c", after=("a-1",)))
    batches.write(failed("a"), *(failed(f"a-{index}") for index in (1, 2, 3)), failed("b-1"))
    batches.write(BlobNamed("a-2", "out/x", "left"), happened(1, "a-2"), happened(2, "b-1"))
    assert store.reader.ended_before(0, limit=10) == ("a",)
    assert sorted(store.reader.files("a")) == [("bundle", "b"), ("out/x", "left")]
    batches.write(WorkForgotten("a"))
    assert [each.id for each in store.reader.work_page(array=None)] == ["c", "b-1", "b"]
    assert store.reader.unnamed(["left", "b"]) == {"left"}
    assert [row.number for row in store.reader.events("b-1")] == [2] and not store.reader.events("a-2")
    assert store.reader.ends("c") == {"a-1": WorkState.FAILED}
