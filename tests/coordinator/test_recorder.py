"""The recorder: what is committed together, which vectors become files, what an outage does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import pytest

from coordinator.recorder import Recorder
from coordinator.store.changes import BlobNamed, Change, WorkProgressed
from coordinator.store.ownership import this_process
from coordinator.store.reading import Reader
from coordinator.store.store import Store
from rpc.blobs import BlobFolder
from tests.coordinator.store.stores import NOW_MS, submitted
from tests.rpc.running import PATIENCE_S, RunningLoop

N_WEIGHTS = 10


class Recording:
    """A recorder on a running loop, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.running = RunningLoop()
        self.blobs = BlobFolder(folder / "blobs")
        store = Store.open(folder / "store.db", this_process("127.0.0.1:1", NOW_MS), identity="cafe")
        self.reader: Reader = store.reader
        self.faults = Queue[str]()
        self.done = Queue[str]()
        self.recorder = self.running.do(
            lambda: Recorder(
                self.running.loop,
                store,
                self.blobs,
                on_commit=lambda changes: None,
                on_fault=self.faults.put,
                on_end=lambda error: self.faults.put(str(error)),
            )
        )
        self.submit("a")

    def submit(self, work: str) -> None:
        self.running.do(lambda: self.recorder.add(submitted(work), done=lambda late: self.done.put(work), at_once=True))
        assert self.done.get(timeout=PATIENCE_S) == work

    def keep(self, value: float) -> None:
        self.recorder.keep_vector("a", "model", np.full(N_WEIGHTS, value, np.float32))

    def close(self) -> None:
        self.running.close()
        self.recorder.close()
        self.blobs.close()


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    yield recording
    recording.close()


def model(recording: Recording) -> float:
    data = recording.blobs.checked(recording.reader.blobs("a")["model"])
    return float(np.frombuffer(data, "<f4")[0])


def test_a_vector_becomes_a_file_that_goes_when_its_name_is_dropped(recording: Recording) -> None:
    recorder, done = recording.recorder, recording.done

    def store_one() -> None:
        recording.keep(1.0)
        recorder.add(done=lambda late: done.put("kept"))

    def drop_it() -> None:
        recorder.add(BlobNamed("a", "model", ""), done=lambda late: done.put("dropped"))

    recording.running.do(store_one)
    assert done.get(timeout=PATIENCE_S) == "kept"
    assert model(recording) == 1.0
    recording.running.do(drop_it)
    assert done.get(timeout=PATIENCE_S) == "dropped"
    assert recording.blobs.names() == []


def test_only_the_latest_progress_of_a_group_is_made(recording: Recording) -> None:
    made: list[int] = []

    def progressed(number: int) -> tuple[Change, ...]:
        made.append(number)
        return (WorkProgressed("a", number, rounds=9, tasks_done=number, tasks_total=90),)

    def rounds() -> None:
        for number in (1, 2, 3):
            recording.recorder.keep_latest("a", lambda number=number: progressed(number), 0)  # type: ignore[misc]
        recording.recorder.add(done=lambda late: recording.done.put("kept"))

    recording.running.do(rounds)
    recording.done.get(timeout=PATIENCE_S)
    found = recording.reader.work("a")
    assert made == [3] and found is not None and found.round == 3


def test_a_group_with_large_files_takes_its_time_until_somebody_waits(recording: Recording) -> None:
    recorder, done = recording.recorder, recording.done

    def large() -> None:
        recorder.keep_latest("a", lambda: (), n_bytes=10**9)
        recorder.add(done=lambda late: done.put("large"))

    recording.running.do(large)
    with pytest.raises(Empty):
        done.get(timeout=0.5)
    recording.running.do(lambda: recorder.add(done=lambda late: done.put("urgent"), at_once=True))
    assert [done.get(timeout=PATIENCE_S) for _ in range(2)] == ["large", "urgent"]


def test_an_outage_is_told_once_and_nothing_is_lost_or_doubled_over_it(recording: Recording, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        for work in ("b", "c"):
            recording.running.do(
                lambda work=work: recording.recorder.add(  # type: ignore[misc]
                    submitted(work), done=lambda late: recording.done.put(f"{work} {len(late)}"), at_once=True
                )
            )
        assert "locked" in recording.faults.get(timeout=PATIENCE_S)
        assert recording.done.empty()
        other.execute("ROLLBACK")
    assert [recording.done.get(timeout=PATIENCE_S) for _ in range(2)] == ["b 0", "c 0"]
    assert recording.faults.get(timeout=PATIENCE_S) == "" and recording.faults.empty()
    assert [each.work.id for each in recording.reader.open_work()] == ["a", "b", "c"]


def test_what_waits_at_the_end_is_committed(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.running.do(lambda: recording.recorder.add(submitted("late")))
    recording.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as store:
        assert store.execute("SELECT count(*) FROM work").fetchone() == (2,)
