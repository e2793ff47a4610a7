"""Stores of every schema that was released can be opened, and nothing is lost on the way."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from coordinator.core.model import WorkState
from coordinator.store.database import Database, database_of
from coordinator.store.failures import StoreDown, StoreUnusable
from coordinator.store.migrating import MIGRATIONS, migrate
from coordinator.store.schema import REVISION, metadata
from tests.coordinator.store.disks import files_limited_to
from tests.coordinator.store.stores import Batches, happened, open_store, submitted

SCHEMAS = Path(__file__).parent / "schemas"

NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"


def upgrade():
    with op.batch_alter_table("work") as work:
        work.add_column(sa.Column("colour", sa.Text, nullable=False, server_default="grey"))
        work.alter_column("reason", server_default="none")  # for which SQLite makes the table anew
    {more}
"""


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The migrations of a later version, which has one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v0003_next.py").write_text(NEXT.format(more=""))
    return folder


def connected(database: Database) -> Connection:
    connection = database.connect()
    assert connection is not None
    return connection


def migrate_later(place: str, folder: Path) -> None:
    database = database_of(place)
    try:
        with connected(database) as connection:
            migrate(database, connection, folder=folder, newest="0003")
    finally:
        database.close()


def filled(place: str) -> str:
    with open_store(place) as store:
        store.write(1, [submitted("a", blobs={"model": "m"}), happened(1, "a")])
    return place


def test_the_migrations_make_the_tables_that_the_code_knows(place: str, tmp_path: Path) -> None:
    # In another folder than ours: a new store is made without running them.
    folder = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    database = database_of(place)
    with connected(database) as writing:
        migrate(database, writing, folder=folder)
    with database.reading.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        checks = {table: inspect(connection).get_foreign_keys(table) for table in metadata.tables}
        assert {table for table, keys in checks.items() if keys} == {
            *("attempt", "blob_name", "metric", "predecessor", "round", "survey")
        }
    database.close()


def test_the_newest_schema_is_that_of_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [REVISION]


def test_a_store_of_every_released_schema_is_kept() -> None:
    revisions = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    assert sorted(path.stem for path in SCHEMAS.glob("*.sql")) == sorted(revisions)


@pytest.mark.parametrize("dump", sorted(SCHEMAS.glob("*.sql")), ids=lambda path: str(path.stem))
def test_a_store_of_a_released_schema_can_be_opened_and_gone_on_with(tmp_path: Path, dump: Path) -> None:
    path = tmp_path / "roundhouse.db"
    with sqlite3.connect(path) as old:
        old.executescript(dump.read_text(encoding="utf-8"))
    old.close()
    with open_store(path) as store:
        (opened,) = store.reader.open_work()
        assert (opened.work.id, opened.work.round, opened.blobs["model@2"]) == ("run-open", 2, "sha256:model")
        assert [row.round for row in opened.rounds] == [1, 2]
        assert len(opened.summaries) == 2
        ended = store.reader.work_by_key("ann", "key")
        assert ended is not None and ended.state is WorkState.FAILED
        assert [(each.id, each.done) for each in store.reader.nodes()] == [("n1", dump.stem == "0002")]
        assert [(each.value, each.log_end) for each in store.reader.metrics("run-ended")] == [(0.5, 0)]
        assert store.identity == "cafe" and store.reader.last_event() == 4
        batches = Batches(store)
        batches.write(submitted("new"), happened(5, "new"))
        assert [each.work.id for each in store.reader.open_work()] == ["run-open", "new"]


def test_a_newer_schema_is_refused_by_name(place: str, later: Path) -> None:
    migrate_later(filled(place), later)
    refused = pytest.raises(StoreUnusable, match="has schema 0003; this version knows schemas up to 0002")
    with refused, open_store(place):
        pass


def test_a_migration_keeps_what_is_there_and_what_refers_to_it(place: str, later: Path) -> None:
    migrate_later(filled(place), later)
    database = database_of(place)
    with database.reading.connect() as connection:
        assert connection.execute(text("SELECT id, colour FROM work")).all() == [("a", "grey")]
        assert connection.execute(text("SELECT work, blob FROM blob_name")).all() == [("a", "m")]
    database.close()


def test_a_migration_that_fails_changes_nothing(place: str, later: Path) -> None:
    (later / "versions" / "v0003_next.py").write_text(NEXT.format(more="raise ZeroDivisionError"))
    with pytest.raises(ZeroDivisionError):
        migrate_later(filled(place), later)
    with open_store(place) as store:
        assert store.reader.work("a") is not None
        assert store.write(1, [happened(2, "a")]) == ()


def test_the_file_is_copied_before_it_is_changed(tmp_path: Path, later: Path) -> None:
    place = filled(str(tmp_path / "roundhouse.db"))
    migrate_later(place, later)
    copy = tmp_path / "roundhouse.db.schema-0002"
    with open_store(copy) as store:
        assert store.reader.work("a") is not None
    assert not list(tmp_path.glob("*.new"))


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path, later: Path) -> None:
    place = filled(str(tmp_path / "roundhouse.db"))
    size = Path(place).stat().st_size
    with files_limited_to(size // 2), pytest.raises(StoreDown, match="cannot be copied before its schema changes"):
        migrate_later(place, later)
    with open_store(place) as store:
        assert store.reader.work("a") is not None


def test_a_new_store_needs_no_copy(tmp_path: Path) -> None:
    with open_store(tmp_path / "roundhouse.db"):
        assert {path.name for path in tmp_path.iterdir()} <= {
            *("roundhouse.db", "roundhouse.db-wal", "roundhouse.db-shm", "roundhouse.db.lock")
        }


@pytest.mark.parametrize("theirs", ["work", "alembic_version", "customer"])
def test_a_database_of_something_else_is_refused_by_name_and_left_alone(place: str, theirs: str) -> None:
    database = database_of(place)
    with connected(database) as connection, connection.begin():
        connection.execute(text(f"CREATE TABLE {theirs} (version_num TEXT)"))
    database.close()
    refused = pytest.raises(StoreUnusable, match=f"belongs to something else: it has the tables {theirs}; give an")
    for _ in range(2):
        with refused, open_store(place):
            pass
    with database.reading.connect() as connection:
        assert inspect(connection).get_table_names() == [theirs]
    database.close()
