"""What is written is there, once, whatever it holds; races have one winner."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from coordinator.core.model import WorkState
from coordinator.store.changes import (
    AttemptEnded,
    BlobNamed,
    Measured,
    NodeRemoved,
    NodeSeen,
    Outcome,
    RoundDone,
    RoundsUndone,
    ScheduleKept,
    ScheduleRemoved,
    ShardSurveyed,
    WebhookKept,
    WebhookRemoved,
    WorkEnded,
    WorkForgotten,
    WorkProgressed,
    WorkStarted,
)
from coordinator.store.rows import OpenWork
from coordinator.store.store import Store
from rpc.errors import FailureKind
from rpc.messages import RoundRow, ShardSummary
from tests.coordinator.store.stores import Batches, happened, submitted

FULL_ROUND = RoundRow(1, 0.5, 1.5, 2.5, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 8, 9, 10, 11)


def test_work_comes_back_as_it_was_submitted(store: Store) -> None:
    work = submitted(
        "a", owner="ann", key="k", priority=3, select={"gpu": "yes"}, rounds=7, blobs={"shard/0": "sha256:1"}
    )
    store.write(1, [work])
    (opened,) = store.reader.open_work()
    assert (opened.spec, opened.blobs) == (work.spec, work.blobs)
    found = opened.work
    assert (found.id, found.kind, found.name, found.owner, found.key) == ("a", "run", "letters", "ann", "k")
    assert (found.priority, found.select, found.rounds, found.submitted_ms) == (3, {"gpu": "yes"}, 7, 1)
    assert (found.state, found.failure) == (WorkState.PENDING, FailureKind.NONE)


def test_a_key_used_again_by_its_owner_names_the_first_work(store: Store) -> None:
    batches = Batches(store)
    again = submitted("b", owner="ann", key="k", blobs={"shard/0": "sha256:1"})
    assert batches.write(submitted("a", owner="ann", key="k"), submitted("c", owner="bob", key="k"), again) == (again,)
    assert batches.write(again) == (again,)
    first = store.reader.work_by_key("ann", "k")
    assert first is not None and first.id == "a"
    assert store.reader.work("b") is None
    assert store.reader.work_by_key("ann", "") is None


def test_what_work_comes_after_is_known_by_its_end_also_once_it_is_forgotten(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), submitted("b"), submitted("c"))
    last = submitted("last", after=("a", "b", "c"))
    assert batches.write(last, WorkEnded("b", WorkState.FAILED, 2), WorkEnded("c", WorkState.COMPLETED, 2)) == ()
    batches.write(WorkForgotten("b"))
    ends = {"a": WorkState.PENDING, "b": WorkState.FAILED, "c": WorkState.COMPLETED}
    assert store.reader.ends("last") == ends
    assert [each.ends for each in store.reader.open_work()] == [{}, ends]
    batches.write(WorkForgotten("last"))
    assert store.reader.ends("last") == {}


def test_work_that_comes_after_what_is_forgotten_comes_too_late(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), WorkEnded("a", WorkState.COMPLETED, 2), WorkForgotten("a"))
    late = submitted("late", after=("a",))
    assert batches.write(submitted("b"), late) == (late,)
    assert [each.work.id for each in store.reader.open_work()] == ["b"]


def test_work_without_a_key_is_always_new(store: Store) -> None:
    assert store.write(1, [submitted("a"), submitted("b"), submitted("c", key="k")]) == ()
    assert [each.work.id for each in store.reader.open_work()] == ["a", "b", "c"]


def test_rounds_that_are_done_again_replace_those_that_were_undone(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), submitted("b"), *(RoundDone(of, RoundRow(n)) for of in "ab" for n in (1, 2, 3)))
    batches.write(RoundsUndone("a", 1), RoundDone("a", RoundRow(2, seconds=7.0)))
    assert [(each.row.round, each.row.seconds) for each in store.reader.rounds("a")] == [(1, 0.0), (2, 7.0)]
    assert len(store.reader.rounds("b")) == 3


def test_the_first_end_of_a_work_stays(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), WorkStarted("a", 2))
    done = WorkEnded("a", WorkState.COMPLETED, 3)
    cancelled = WorkEnded("a", WorkState.CANCELLED, 4, "the user asked", FailureKind.CANCELLED)
    assert batches.write(done, cancelled) == (cancelled,)
    started = WorkStarted("a", 5)
    assert batches.write(cancelled, started) == (cancelled, started)
    found = store.reader.work("a")
    assert found is not None
    assert (found.state, found.reason, found.started_ms, found.ended_ms) == (WorkState.COMPLETED, "", 2, 3)
    assert list(store.reader.open_work()) == []


def test_the_reason_of_an_end_is_kept(store: Store) -> None:
    store.write(1, [submitted("a"), WorkEnded("a", WorkState.FAILED, 3, "diverged", FailureKind.DIVERGED)])
    found = store.reader.work("a")
    assert found is not None
    assert (found.state, found.reason, found.failure) == (WorkState.FAILED, "diverged", FailureKind.DIVERGED)


def test_all_figures_of_a_round_come_back(store: Store) -> None:
    done = RoundDone("a", FULL_ROUND, {"nodes": {"n1": 8}})
    bare = RoundDone("a", RoundRow(2))
    store.write(1, [submitted("a"), done, bare])
    assert store.reader.rounds("a") == (done, bare)
    assert store.reader.rounds("a", after=1) == (bare,)


def test_a_figure_that_is_no_number_stays_none(store: Store) -> None:
    row = RoundRow(1, validation_loss=math.inf, train_loss=math.nan)
    store.write(1, [submitted("a"), RoundDone("a", row), Measured("a", "loss", 1, math.nan, 5)])
    (done,) = store.reader.rounds("a")
    assert math.isnan(done.row.train_loss) and done.row.validation_loss == math.inf
    (measured,) = store.reader.metrics("a")
    assert math.isnan(measured.value)


def test_a_round_is_written_only_once(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.write(1, [submitted("a"), RoundDone("a", RoundRow(1)), RoundDone("a", RoundRow(1))])
    assert store.reader.work("a") is None  # a batch is whole or absent
    assert store.write(1, [submitted("a")]) == ()  # and a bug in one does not keep the next from being written


def test_progress_is_that_of_the_newest_change(store: Store) -> None:
    store.write(
        1, [submitted("a"), WorkProgressed("a", 1, 9, 4, 36), WorkProgressed("a", 2, 9, 8, 36, 0.25, {"x": [1]})]
    )
    found = store.reader.work("a")
    assert found is not None
    assert (found.round, found.rounds, found.tasks_done, found.tasks_total) == (2, 9, 8, 36)
    assert (found.validation_error, found.detail) == (0.25, {"x": [1]})


def test_surveys_come_back_by_shard(store: Store) -> None:
    rows = [
        ShardSurveyed("a", shard, ShardSummary("", 0, 100 + shard, 16, 25, b"mean", memoryview(b"m2"), bytearray(b"c")))
        for shard in (2, 0, 1)
    ]
    store.write(1, [submitted("a"), *rows])
    found = store.reader.surveys("a")
    assert [each.shard for each in found] == [0, 1, 2]
    assert found[2].summary == ShardSummary("", 0, 102, 16, 25, b"mean", b"m2", b"c")


def test_attempts_that_went_wrong_come_back_with_what_the_policy_saw(store: Store) -> None:
    refused = AttemptEnded("a", "a/1/0", "n1", Outcome.REJECTED, 5, 1, 0, 7, "busy", "full", {"n1": 0.5, "others": 3})
    broke = AttemptEnded("a", "a/1/0", "n2", Outcome.FAILED, 6, cause=FailureKind.NODE_LOST.code)
    store.write(1, [submitted("a"), refused, broke])
    assert store.reader.attempts("a") == (refused, broke)
    assert store.reader.attempts("a", limit=1) == (broke,)


def test_metrics_are_kept_in_their_order(store: Store) -> None:
    rows = [Measured("a", name, step, 0.5 * step, 1, 100 * step) for step, name in enumerate(("loss", "error", "loss"))]
    store.write(1, [submitted("a"), *rows])
    assert store.reader.metrics("a") == tuple(rows)
    assert store.reader.metrics("a", after=1, limit=1) == (rows[1],)


def test_a_role_names_one_file_at_a_time(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a", blobs={"model": "m0"}), BlobNamed("a", "model", "m1"), BlobNamed("a", "model", "m2"))
    batches.write(BlobNamed("a", "best", "m1"), BlobNamed("a", "model", "m3"))
    assert store.reader.blobs("a") == {"model": "m3", "best": "m1"}
    batches.write(BlobNamed("a", "best", ""))
    assert store.reader.blobs("a") == {"model": "m3"}
    assert store.reader.unnamed(["m0", "m1", "m2", "m3"]) == {"m0", "m1", "m2"}


def test_a_node_is_what_was_seen_of_it_last(store: Store) -> None:
    batches = Batches(store)
    ready = NodeSeen("n1", "n1", "127.0.0.1:9091", "file", "ready", 5, labels={"os": "linux"})
    quarantined = NodeSeen("n1", "n1", "127.0.0.1:9091", "file", "quarantined", 6, "3 failures", 66, done=7)
    other = NodeSeen("n2", "n2", "", "join", "ready", 5)
    batches.write(ready, other, NodeRemoved("n1"), quarantined)
    assert store.reader.nodes() == (quarantined, other)
    batches.write(NodeRemoved("n1"))
    assert store.reader.nodes() == (other,)


def test_a_webhook_is_what_was_said_of_it_last(store: Store) -> None:
    batches = Batches(store)
    first = WebhookKept("webhook-1", "http://127.0.0.1/a", ("completed", "failed"), "whsec_a", 5, 7)
    told = WebhookKept("webhook-1", "http://127.0.0.1/a", ("completed", "failed"), "whsec_a", 5, 9, "answered 500")
    other = WebhookKept("webhook-0", "http://127.0.0.1/b", (), "whsec_b", 6, 0)
    batches.write(other, first, WebhookRemoved("webhook-1"), told)
    assert store.reader.webhooks() == (told, other)
    batches.write(WebhookRemoved("webhook-1"))
    assert store.reader.webhooks() == (other,)


def test_a_schedule_keeps_the_files_of_its_jobs(store: Store) -> None:
    batches = Batches(store)
    first = ScheduleKept("schedule-1", 5, b"\0body", ("b1", "b2"))
    batches.write(first, ScheduleKept("schedule-0", 6, b"other", ("b3",)))
    batches.write(replace(first, body=b"later"))
    assert store.reader.schedules() == (b"later", b"other")
    assert store.reader.unnamed(["b0", "b1", "b2", "b3"]) == {"b0"}
    batches.write(ScheduleRemoved("schedule-1"))
    assert store.reader.unnamed(["b0", "b1", "b2", "b3"]) == {"b0", "b1", "b2"}


def test_forgotten_work_takes_everything_with_it(store: Store) -> None:
    batches = Batches(store)
    for work_id in ("a", "b"):
        number = 2 * batches.last + 1
        batches.write(
            submitted(work_id, blobs={"model": work_id}),
            RoundDone(work_id, RoundRow(1)),
            ShardSurveyed(work_id, 0, ShardSummary("", 0, 1, 1, 1)),
            AttemptEnded(work_id, "t", "n", Outcome.FAILED, 5),
            Measured(work_id, "loss", 1, 0.5, 1),
            happened(number, work_id),
        )
    batches.write(WorkForgotten("a"))
    reader = store.reader
    for read in (reader.rounds, reader.surveys, reader.attempts, reader.metrics, reader.events, reader.event_counts):
        assert not read("a") and read("b")
    assert reader.work("a") is None and reader.unnamed(["a", "b"]) == {"a"}
    assert reader.last_event() == 3  # its number is not used again


def test_a_branch_of_forgotten_work_comes_too_late(store: Store) -> None:
    batches = Batches(store)
    batches.write(submitted("a"), submitted("b"), WorkForgotten("b"))
    branches = [submitted(f"of {parent}", parent=parent, parent_round=1, blobs={"m": parent}) for parent in "ab"]
    assert batches.write(*branches) == (branches[1],)
    assert store.reader.work("of a") is not None and store.reader.work("of b") is None
    assert store.reader.unnamed(["a", "b"]) == {"b"}


def test_what_ended_long_ago_is_named_from_its_end_on(store: Store) -> None:
    ends = {"a": 5, "b": 3, "c": 0, "d": 4, "e": 4}
    ended = [WorkEnded(name, WorkState.FAILED, end) for name, end in ends.items() if end]
    store.write(1, [*map(submitted, ends), *ended])
    assert store.reader.ended_before(0, limit=9) == ("b", "d", "e", "a")
    assert store.reader.ended_before(2, limit=9) == ("b", "d")
    assert store.reader.ended_before(2, limit=1) == ("b",)
    assert store.reader.ended_before(4, limit=9) == ()


def test_a_batch_has_the_number_after_the_one_before(store: Store) -> None:
    store.write(1, [submitted("a")])
    for number in (1, 3):
        with pytest.raises(ValueError, match=f"batch {number} does not follow batch 1"):
            store.write(number, [])


def test_an_empty_batch_is_fine(store: Store) -> None:
    assert store.write(1, []) == ()


def test_open_work_is_all_there_however_much_it_is(store: Store) -> None:
    store.write(1, [submitted(f"w{number}", blobs={"data": f"d{number}"}) for number in range(1203)])
    found = list(store.reader.open_work())
    assert [each.work.id for each in found] == [f"w{number}" for number in range(1203)]
    assert all(isinstance(each, OpenWork) and each.blobs == {"data": "d" + each.work.id[1:]} for each in found)
