"""SQLite as the store: one file in WAL mode, written by one connection of the process that holds the lock beside it."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import finalize

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import NullPool, Pool, QueuePool

from coordinator.store.failures import StoreDown, StoreUnusable
from rpc.refusing_disk import way_out

_BUSY_S = 2.0  # how long to wait for a program that is no coordinator, such as a backup


class SqliteDatabase:
    """Before SQLite 3.51.3 two connections that write or checkpoint at once can corrupt a WAL (sqlite.org/wal.html).

    So there is only ever one that does: migrations run on it, and those for reading are read-only.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.reading = _engine(lambda: _connect(path, "ro"), begin="BEGIN", poolclass=QueuePool)
        self._path = path
        self._writing = _engine(lambda: _writer(path), begin="BEGIN IMMEDIATE", poolclass=NullPool)
        self._lock: finalize[..., Any] | None = None

    def connect(self) -> Connection | None:
        if self._lock is None and not self._take_lock():
            return None
        # All connections of a process share one view of the WAL. Where it was opened while the disk was read-only it
        # stays so for the writer, too, as long as one that reads is open.
        self.reading.dispose()
        return self._writing.connect()

    def version(self, connection: Connection) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @contextmanager
    def migration(self, connection: Connection, old_schema: str) -> Iterator[None]:
        """Keep a copy, and suspend foreign keys: batch mode drops tables that others refer to."""
        raw = connection.connection.cursor()  # because neither can be done in a transaction
        if old_schema:
            self._copy(raw, self._path.with_name(f"{self._path.name}.schema-{old_schema}"))
        raw.execute("PRAGMA foreign_keys = OFF")
        yield
        raw.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        # The writer's is the last to close: it alone may move the WAL into the file.
        self.reading.dispose()
        if self._lock is not None:
            self._lock()
            self._lock = None

    def _copy(self, raw: DBAPICursor, copy: Path) -> None:
        scratch = copy.with_name(f"{copy.name}.new")
        try:
            scratch.unlink(missing_ok=True)
            _make_file(scratch)
            raw.execute("VACUUM INTO ?", (str(scratch),))
            scratch.replace(copy)
        except (OSError, sqlite3.Error) as error:
            raise StoreDown(f"store {copy}: cannot be copied before its schema changes: {error}; make room") from error

    def _take_lock(self) -> bool:
        """The system releases the lock when this process ends, however it does."""
        path = self._path.with_name(f"{self._path.name}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # An empty file is a database without tables; made only here, so that one that is lost is not made anew.
            _make_file(self._path)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _failure(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise _failure(path, error) from error
        self._lock = finalize(self, os.close, descriptor)
        return True


def _make_file(path: Path) -> None:
    """Make the file, if need be: for its owner alone."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _failure(path: Path, error: OSError) -> StoreDown | StoreUnusable:
    if remedy := way_out(error):
        return StoreDown(f"store {path}: {error.strerror}; {remedy}, or choose another --data-dir")
    return StoreUnusable(f"store {path}: cannot be used: {error.strerror}; choose another --data-dir")


def _engine(creator: Callable[[], sqlite3.Connection], *, begin: str, poolclass: type[Pool]) -> Engine:
    # The sqlite3 module would begin transactions at its own moments; so SQLAlchemy says when, and how.
    engine = create_engine("sqlite://", creator=creator, poolclass=poolclass)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True)


def _writer(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "rw")
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreUnusable(f"store {path}: its file system cannot share memory; choose another --data-dir")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection
