"""The writing process is killed again and again: what was acknowledged is there, a batch is whole or absent."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from multiprocessing.connection import Connection
from random import Random

import pytest

from coordinator.store.changes import BlobNamed, Change, RoundDone, WorkProgressed
from rpc.messages import RoundRow
from tests.coordinator.store.stores import Batches, happened, open_store, submitted

KILLS = 20
EVENTS = 5  # in a batch
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["coordinator.store.store", "tests.coordinator.store.test_kills"])


def work_on(place: str, parent: Connection) -> None:
    """Do round after round, each a batch; tell the parent of those that are committed."""
    with open_store(place) as store:
        batches = Batches(store)
        found = store.reader.work("a")
        if found is None:
            batches.write(submitted("a"))
        number = found.round if found is not None else 0
        while True:
            number += 1
            batches.write(*changes_of(number))
            parent.send(number)


def changes_of(number: int) -> list[Change]:
    first = number * EVENTS
    return [
        *(happened(first + index, "a") for index in range(EVENTS)),
        RoundDone("a", RoundRow(number)),
        WorkProgressed("a", number, 0, number, 0),
        BlobNamed("a", "model", f"sha256:{number}"),
    ]


def committed_rounds(place: str) -> int:
    """How many rounds are in the store, each of which must be there with all that belongs to it."""
    with open_store(place) as store:
        found = store.reader.work("a")
        done = found.round if found is not None else 0
        assert [each.row.round for each in store.reader.rounds("a")] == [*range(1, done + 1)]
        assert store.reader.event_counts("a") == ({"note": EVENTS * done} if done else {})
        assert store.reader.last_event() == (done * EVENTS + EVENTS - 1 if done else 0)
        assert store.reader.blobs("a") == ({"model": f"sha256:{done}"} if done else {})
    return done


@pytest.mark.timeout(300)
def test_what_was_acknowledged_outlives_any_kill_and_no_batch_is_ever_in_part(place: str) -> None:
    rng, done = Random(4), 0
    for _ in range(KILLS):
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=work_on, args=(place, theirs))
        process.start()
        theirs.close()
        acknowledged = done
        if rng.random() < 0.8:  # else while it opens the store
            acknowledged = ours.recv()
        process.join(rng.uniform(0.0, 0.05))
        process.kill()
        process.join(30)
        while True:
            try:
                acknowledged = ours.recv()
            except EOFError:
                break
        ours.close()
        done = committed_rounds(place)
        assert acknowledged <= done <= acknowledged + 1
    assert done > KILLS
    if "://" not in place:
        with closing(sqlite3.connect(place)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
