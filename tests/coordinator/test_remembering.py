"""What is remembered of runs, and when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import NodeUp, Note
from coordinator.core.model import Work, WorkState
from coordinator.core.owners import Owners
from coordinator.core.policies import RoundRobin
from coordinator.recorder import Recorder
from coordinator.remembering import Remembering, tells_end
from coordinator.store.changes import RoundDone
from coordinator.store.ownership import this_process
from coordinator.store.store import Store
from coordinator.views import Clock
from rpc.blobs import BlobFolder
from rpc.codec import to_bytes
from rpc.loop import Loop
from rpc.messages import RoundRow
from tests.coordinator.runs import node, run, spec
from tests.coordinator.store.stores import NOW_MS, open_store, submitted


def test_the_end_of_a_run_is_not_that_of_the_attempt_that_ended_it() -> None:
    work = Work(run(), submitted_at=0.0, number=1, owner=Owners({}).joins(""))
    work.become(WorkState.RUNNING, 1.0)
    end, attempt = Note("failed", "diverged", "r"), Note("failed", "diverged", "r", node_id="a", round=1, shard=0)
    assert not tells_end(end, work)
    work.become(WorkState.FAILED, 2.0)
    assert tells_end(end, work) and not tells_end(attempt, work)
    assert not tells_end(Note("cancelled", "", "r"), work)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()
    loop.run()  # which releases what it holds


def test_a_verification_whose_digests_have_gone_ends_by_itself_after_a_restart(tmp_path: Path, loop: Loop) -> None:
    plain, check = to_bytes(spec(1)), to_bytes(spec(1, verifies="a", sample=1.0))
    with open_store(tmp_path / "store.db") as store:
        store.write(
            1, [submitted("a", plain), RoundDone("a", RoundRow(1)), submitted("v", check), submitted("b", plain)]
        )
    store = Store.open(tmp_path / "store.db", this_process("127.0.0.1:1", NOW_MS), identity="cafe")
    dispatcher = Dispatcher(RoundRobin(), Random(0))
    recorder = Recorder(
        loop, store, BlobFolder(tmp_path / "blobs"), on_commit=print, on_fault=print, on_end=lambda error: None
    )
    memory = Remembering(recorder, dispatcher, Clock(0.0), lambda work_id: (0, 0))
    taken_up = [submitted for submitted, _ in memory.open_runs(store.reader)]
    assert [each.workload.id for each in taken_up] == ["a", "v", "b"]
    dispatcher.handle(NodeUp(node("n", slots=4), session=1), 0.0)
    for each in taken_up:
        dispatcher.handle(each, 0.0)
    work = dispatcher.work["v"]
    assert (work.state, work.reason) == (
        WorkState.FAILED,
        "no round of a is stored with its digests; wait for its first one",
    )
    assert not dispatcher.work["b"].state.is_final
    recorder.close()
