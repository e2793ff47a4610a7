"""The store: one process writes, in numbered batches that become true at once or not at all; anyone may read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, bindparam, select, update

from coordinator.store.changes import Change
from coordinator.store.database import Database, database_of
from coordinator.store.failures import StoreDown, told_apart
from coordinator.store.migrating import migrate
from coordinator.store.ownership import held, holder_of, take_over
from coordinator.store.reading import Reader
from coordinator.store.rows import Holder
from coordinator.store.schema import writer
from coordinator.store.thinning import Surplus, remove_surplus
from coordinator.store.writing import apply_changes
from rpc.messages import EventRow

_MINE = writer.c.epoch == bindparam("mine")
_CLAIM = update(writer).where(_MINE).values(epoch=bindparam("mine"))
_STEP = update(writer).where(_MINE, writer.c.batch == bindparam("before"))
_KEEP_LATE = update(writer)
_ANNOUNCE = update(writer).where(_MINE).values(address=bindparam("at"))

logger = logging.getLogger(__name__)


class Store:
    """The one writer of a store. All methods are for one thread at a time; `reader` is for any number.

    Attributes:
        identity: of all coordinators that ever wrote to this store.
        epoch: of this writer, above that of every writer before.
        name: the file, or the URL without a password.
        version: the database with its version, for the log.
        reader: what is committed.
    """

    def __init__(self, database: Database, holder: Holder, *, identity: str) -> None:
        """Take over a database; see `open`."""
        self._database = database
        self.name = database.name
        self._connection: Connection | None = None
        self._batch = 0
        self.reader = Reader(database.name, database.reading)
        try:
            with told_apart(database.name):
                connection = self._connected()
                migrate(database, connection)
                self.version = database.version(connection)
                with connection.begin():
                    self.identity, self.epoch, self._last_event = take_over(connection, holder, identity)
        except BaseException:
            self.close()
            raise
        logger.info("store %s: %s, epoch %d", database.name, self.version, self.epoch)

    @classmethod
    def open(cls, place: str | Path, holder: Holder, *, identity: str) -> Store:
        """Open the store in a SQLite file, made if need be, or at a URL, and bring it to the schema of this version.

        Args:
            holder: this process, for whoever finds the store held.
            identity: that of a store that is new.

        Raises:
            StoreHeld: another coordinator writes to it.
            StoreUnusable: it is of a newer version, or no store at all.
            StoreDown: it cannot be used now.
        """
        return cls(database_of(place), holder, identity=identity)

    def write(self, number: int, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Commit a batch; return those of its changes that came too late and changed nothing.

        Args:
            number: 1 for the first batch after `open`, then one more with each. A batch that ended in StoreDown is
                written again with the same number and changes: if it was committed after all, it is not repeated.

        Raises:
            StoreDown: the batch is not committed, or nobody knows.
            StoreHeld: another coordinator has taken over; nothing was written.
        """
        if number != self._batch + 1:
            raise ValueError(f"batch {number} does not follow batch {self._batch}")
        last_event = max((each.number for each in changes if isinstance(each, EventRow)), default=self._last_event)
        step = {"before": number - 1, "batch": number, "last_event": last_event, "late": []}
        with self._transaction() as connection:
            if connection.execute(_STEP, {"mine": self.epoch, **step}).rowcount:
                late: Sequence[int] = apply_changes(connection, changes)
                if late:
                    connection.execute(_KEEP_LATE, {"late": late})
            else:
                late = self._late_of(connection, number)
        self._batch, self._last_event = number, last_event
        return tuple(changes[place] for place in late)

    def thin(self, found: Surplus) -> int:
        """Remove what is not to be kept; return how many events that were, which stay counted. Raises as `write`."""
        with self._transaction() as connection:
            # Whoever takes over waits for the end of this transaction.
            if not connection.execute(_CLAIM, {"mine": self.epoch}).rowcount:
                raise held(self._database.name, holder_of(connection))
            return remove_surplus(connection, found)

    def begin_with(self, *changes: Change) -> None:
        """Commit what a new store begins with, before any batch. Raises as `write`."""
        with self._transaction() as connection:
            if not connection.execute(_CLAIM, {"mine": self.epoch}).rowcount:
                raise held(self._database.name, holder_of(connection))
            apply_changes(connection, changes)

    def announce(self, address: str) -> None:
        """Say where this writer serves, for whoever finds the store held. Raises as `write`."""
        with self._transaction() as connection:
            if not connection.execute(_ANNOUNCE, {"mine": self.epoch, "at": address}).rowcount:
                raise held(self._database.name, holder_of(connection))

    def close(self) -> None:
        """Let others write; nothing may be called after it."""
        self._drop_connection()
        self._database.close()

    def _late_of(self, connection: Connection, number: int) -> Sequence[int]:
        """Which changes of a batch that was committed already came too late."""
        row = connection.execute(select(writer.c.epoch, writer.c.batch, writer.c.late)).one()
        if row.epoch != self.epoch:
            raise held(self._database.name, holder_of(connection))
        assert row.batch == number, f"batch {number} does not follow batch {row.batch}"
        late: Sequence[int] = row.late
        return late

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with told_apart(self._database.name):
                connection = self._connected()
                with connection.begin():
                    yield connection
        except StoreDown:
            # What state the connection is in nobody knows: a new one has none.
            self._drop_connection()
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.connect()
            if self._connection is None:
                raise held(self._database.name, self.reader.holder())
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
