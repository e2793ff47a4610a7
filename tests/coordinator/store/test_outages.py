"""The store goes away and comes back: the batch is written again, once; nothing that was committed is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from coordinator.core.model import WorkState
from coordinator.store.changes import Change, WorkEnded
from coordinator.store.failures import StoreDown, StoreUnusable
from coordinator.store.store import Store
from tests.coordinator.store.cutting_proxy import CuttingProxy
from tests.coordinator.store.disks import files_limited_to, mounted
from tests.coordinator.store.postgres_server import PostgresServer, database_in
from tests.coordinator.store.stores import happened, open_store, submitted
from tests.rpc.read_only import read_only

LONG = "x" * 4000
HOLD_A_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def fill_until_down(store: Store, number: int) -> int:
    """Write batches of 40 kB until the store is down; return the number of the first that failed."""
    while True:
        try:
            store.write(number, events_of(number))
        except StoreDown:
            return number
        number += 1
        assert number < 1000, "the store never got full"


def events_of(number: int) -> list[Change]:
    return [happened(10 * number + index, "a", message=LONG) for index in range(10)]


def assert_all_written(store: Store, last: int) -> None:
    """Every batch up to `last` is there, whole and once."""
    numbers = [row.number for row in store.reader.events("a", limit=100_000)]
    assert numbers == [10 * number + index for number in range(2, last + 1) for index in range(10)]


def test_a_full_disk_keeps_what_was_written_and_heals(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=3m"):
        ballast = tmp_path / "disk" / "ballast"
        ballast.write_bytes(bytes(1 << 20))
        with open_store(tmp_path / "disk" / "roundhouse.db") as store:
            store.write(1, [submitted("a")])
            failed = fill_until_down(store, 2)
            assert_all_written(store, failed - 1)
            with pytest.raises(StoreDown, match=r"store .*roundhouse\.db: .*full"):
                store.write(failed, events_of(failed))
            ballast.unlink()
            store.write(failed, events_of(failed))
            assert_all_written(store, failed)
        with open_store(tmp_path / "disk" / "roundhouse.db") as store:
            assert_all_written(store, failed)


def test_a_file_that_may_not_grow_is_as_a_full_disk(tmp_path: Path) -> None:
    with open_store(tmp_path / "roundhouse.db") as store:
        store.write(1, [submitted("a")])
        with files_limited_to(1 << 20):
            failed = fill_until_down(store, 2)
        store.write(failed, events_of(failed))
        assert_all_written(store, failed)


def test_a_read_only_disk_is_an_outage_that_can_end(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "roundhouse.db"
    with mounted(path.parent, "size=3m"):
        with open_store(path) as store:
            store.write(1, [submitted("a")])
        subprocess.run(["mount", "-o", "remount,ro", path.parent], check=True)
        with pytest.raises(StoreDown), open_store(path):
            pass
        subprocess.run(["mount", "-o", "remount,rw", path.parent], check=True)
        with open_store(path) as store:
            assert store.reader.work("a") is not None


def test_a_disk_that_becomes_read_only_is_an_outage_that_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "roundhouse.db"
    path.parent.mkdir()
    with open_store(path) as store:
        store.write(1, [submitted("a")])
        with read_only(path.parent):
            with files_limited_to(4096), pytest.raises(StoreDown):
                store.write(2, [submitted("b")])  # the file that was open before could be written to
            assert store.reader.work("a") is not None  # and now one that reads is the first to open it
            with pytest.raises(StoreDown, match="readonly"):
                store.write(2, [submitted("b")])
            assert store.reader.work("b") is None
        assert store.write(2, [submitted("b")]) == ()
        assert store.reader.work("b") is not None


def test_a_lock_of_another_program_is_an_outage_that_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "roundhouse.db"
    with open_store(path) as store:
        store.write(1, [submitted("a")])
        with subprocess.Popen(
            [sys.executable, "-c", HOLD_A_LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None and other.stdout.readline() == b"locked\n"
            with pytest.raises(StoreDown, match="locked"):
                store.write(2, [submitted("b")])
            assert store.reader.work("a") is not None  # reading goes on
        assert store.write(2, [submitted("b")]) == ()
        assert store.reader.work("b") is not None


def test_a_file_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    path, aside = tmp_path / "roundhouse.db", tmp_path / "aside"
    with open_store(path) as store:
        store.write(1, [submitted("a")])
        with files_limited_to(1 << 20):
            failed = fill_until_down(store, 2)
        path.rename(aside)
        with pytest.raises(StoreDown):
            store.write(failed, events_of(failed))
        assert not path.exists()
        aside.rename(path)
        store.write(failed, events_of(failed))
        assert_all_written(store, failed)


def test_a_lock_of_another_session_is_an_outage_that_ends_with_it(postgres_database: str) -> None:
    with open_store(postgres_database) as store:
        store.write(1, [submitted("a")])
        with psycopg.connect(postgres_database.replace("+psycopg", "")) as other:
            other.execute("LOCK TABLE work")
            with pytest.raises(StoreDown, match="lock timeout"):
                store.write(2, [submitted("b")])
        assert store.write(2, [submitted("b")]) == ()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_keep_every_text_is_refused(postgres: PostgresServer, encoding: str) -> None:
    url = postgres.new_database(encoding)
    words = f"is in encoding {encoding}, and UTF8 is needed; make one with `createdb --encoding=UTF8 "
    with pytest.raises(StoreUnusable, match=words), open_store(url):
        pass
    postgres.drop(url)


def test_a_server_that_is_restarted_is_an_outage_for_writing_and_reading(
    postgres: PostgresServer, postgres_database: str
) -> None:
    with open_store(postgres_database) as store:
        store.write(1, [submitted("a")])
        for number in (2, 4):
            postgres.stop()
            for _ in range(2):
                with pytest.raises(StoreDown, match="work goes on when it is back"):
                    store.write(number, [submitted(f"w{number}")])
            with pytest.raises(StoreDown):
                store.reader.work("a")
            postgres.start()
            store.write(number, [submitted(f"w{number}")])
            postgres.cut_off(postgres_database)
            with pytest.raises(StoreDown):
                store.write(number + 1, [submitted(f"w{number + 1}")])
            store.write(number + 1, [submitted(f"w{number + 1}")])
        assert [each.work.id for each in store.reader.open_work()] == ["a", "w2", "w3", "w4", "w5"]


def test_a_server_that_becomes_read_only_is_an_outage(postgres: PostgresServer, postgres_database: str) -> None:
    name = database_in(postgres_database)
    with open_store(postgres_database) as store:
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        postgres.cut_off(postgres_database)  # because it holds for new sessions
        with pytest.raises(StoreDown):
            store.write(1, [submitted("a")])
        with pytest.raises(StoreDown, match="read-only"):
            store.write(1, [submitted("a")])
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        store.write(1, [submitted("a")])
        assert store.reader.work("a") is not None


def test_a_batch_whose_commit_was_not_answered_is_not_written_twice(
    postgres: PostgresServer, postgres_database: str
) -> None:
    ended = WorkEnded("a", WorkState.COMPLETED, 2)
    batch: list[Change] = [happened(2, "a"), ended, ended]
    with CuttingProxy(postgres.socket) as proxy:
        place = postgres_database.partition("?")[0].replace("app@", f"app@127.0.0.1:{proxy.port}")
        with open_store(postgres_database):
            pass
        with open_store(place) as store:
            store.write(1, [submitted("a"), happened(1, "a")])
            proxy.lose_the_next_answer()
            with pytest.raises(StoreDown):
                store.write(2, batch)
            assert store.write(2, batch) == (ended,)  # and what came too late is still known
            store.write(3, [happened(3, "a")])
        with open_store(postgres_database) as store:
            assert [row.number for row in store.reader.events("a")] == [1, 2, 3]


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roundhouse.db"
    path.write_bytes(b"something else entirely " * 1000)
    with pytest.raises(StoreUnusable, match=f"store {path}: file is not a database"), open_store(path):
        pass


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("mysql://x/y", "mysql://x/y cannot be a store"),
        ("postgresql://ann:secret@x/y", r"postgresql://ann:\*\*\*@x/y cannot be a store; give .*postgresql\+psycopg"),
        ("sqlite://", "cannot be a store"),
        ("://", "is no URL of a store"),
    ],
)
def test_a_url_that_cannot_be_a_store_is_refused_without_its_password(place: str, words: str) -> None:
    with pytest.raises(StoreUnusable, match=words), open_store(place):
        pass


def test_a_server_that_is_not_there_is_an_outage() -> None:
    with pytest.raises(StoreDown), open_store("postgresql+psycopg://app@/x?host=/nowhere"):
        pass
