"""One coordinator writes to a store; whoever comes second is told who that is."""

from __future__ import annotations

import multiprocessing
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from coordinator.store.failures import StoreDown, StoreHeld
from coordinator.store.ownership import this_process
from coordinator.store.store import Store
from coordinator.store.thinning import Surplus
from tests.coordinator.store.postgres_server import PostgresServer
from tests.coordinator.store.stores import NOW_MS, open_store, submitted

FORKS = multiprocessing.get_context("forkserver")


def test_a_second_coordinator_is_told_who_holds_the_store(place: str) -> None:
    holder = re.escape(
        f"the coordinator at 10.0.0.7:9090 (process {os.getpid()} on {socket.gethostname()}, since 2027-"
    )
    with open_store(place, address="10.0.0.7:9090") as first:
        for _ in range(3):
            with pytest.raises(StoreHeld, match=holder), open_store(place, address="10.0.0.8:9090"):
                pass
        assert first.write(1, [submitted("a")]) == ()
    with open_store(place) as next_one:
        assert next_one.reader.work("a") is not None


def test_the_epoch_grows_with_every_start_and_the_identity_stays(place: str) -> None:
    starts = []
    for now_ms in (NOW_MS, NOW_MS + 5_000, NOW_MS - 5_000, NOW_MS):
        with open_store(place, now_ms=now_ms) as store:
            starts.append((store.epoch - NOW_MS, store.identity))
    assert starts == [(0, "cafe"), (5_000, "cafe"), (5_001, "cafe"), (5_002, "cafe")]


def test_a_store_tells_its_version(place: str) -> None:
    with open_store(place) as store:
        assert re.fullmatch(r"(SQLite|PostgreSQL) \d+\.\d+.*", store.version)


def test_whoever_has_lost_the_store_writes_nothing_more(place: str, request: pytest.FixtureRequest) -> None:
    with open_store(place) as first:
        first.write(1, [submitted("a")])
        lose_the_lock(place, request)
        with open_store(place, address="10.0.0.8:9090") as second:
            second.write(1, [submitted("b")])
            if "://" in place:
                with pytest.raises(StoreDown):  # which is how a session learns that it has ended
                    first.write(2, [submitted("c")])
            with pytest.raises(StoreHeld, match=r"coordinator at 10\.0\.0\.8:9090"):
                first.write(2, [submitted("c")])
            with pytest.raises(StoreHeld):
                first.thin(Surplus(1))
            assert [each.work.id for each in second.reader.open_work()] == ["a", "b"]


def lose_the_lock(place: str, request: pytest.FixtureRequest) -> None:
    """Somebody removes the file, or ends the session."""
    if "://" in place:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.cut_off(place)
    else:
        Path(f"{place}.lock").unlink()


def test_of_two_that_start_at_once_one_serves(place: str) -> None:
    def start(port: int) -> Store | None:
        try:
            return Store.open(place, this_process(f"127.0.0.1:{port}", NOW_MS), identity="cafe")
        except StoreHeld:
            return None

    with ThreadPoolExecutor(2) as threads:
        for _ in range(3):
            serving = [store for store in threads.map(start, (1, 2)) if store is not None]
            assert len(serving) == 1
            serving[0].close()


def test_the_store_of_a_coordinator_that_was_killed_is_free_at_once(place: str) -> None:
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=hold, args=(place, theirs))
    process.start()
    theirs.close()
    assert ours.poll(60) and ours.recv() == "open"
    with pytest.raises(StoreHeld, match=f"process {process.pid} on"), open_store(place):
        pass
    process.kill()
    process.join(30)
    ours.close()
    with open_store(place) as store:
        assert store.write(1, [submitted("a")]) == ()


def hold(place: str, parent: Connection) -> None:
    """Hold the store until this process is killed."""
    with open_store(place):
        parent.send("open")
        parent.recv()


def test_a_writer_can_say_later_where_it_serves(place: str) -> None:
    with open_store(place, address="127.0.0.1:0") as first:
        first.announce("127.0.0.1:40123")
        holder = first.reader.holder()
        assert holder is not None and holder.address == "127.0.0.1:40123"
        assert first.write(1, [submitted("a")]) == ()
