"""PostgreSQL as the store: one session writes, and holds an advisory lock that ends with it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from coordinator.store.failures import StoreUnusable

_LOCK = 0x726F756E64  # any number that nobody else takes in this database
_LOCK_NOT_AVAILABLE = "55P03"
_ENCODING = "UTF8"  # in any other one there are texts that the database cannot keep, or gives back as bytes
# The other side is given up after some 10 s of silence, by the server too: the lock of a dead machine is free then.
_CLIENT = {
    "connect_timeout": 5,
    **{"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3},
    "tcp_user_timeout": 10_000,
    "client_encoding": "UTF8",
}
_SERVER = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c lock_timeout=2s"
_WRITER = f"{_SERVER} -c synchronous_commit=on"
_READER = f"{_SERVER} -c default_transaction_read_only=on"


class PostgresDatabase:
    """A database on a server; nobody waits longer than 2 s for a lock of others there."""

    def __init__(self, url: URL) -> None:
        """Raises StoreUnusable: the driver is not installed."""
        self.name = url.render_as_string(hide_password=True)
        try:
            self._writing = create_engine(url, poolclass=NullPool, connect_args={**_CLIENT, "options": _WRITER})
        except ModuleNotFoundError as error:
            raise StoreUnusable("PostgreSQL needs a driver; pip install 'roundhouse[postgres]'") from error
        self.reading = create_engine(
            url,
            pool_pre_ping=True,  # a server that was restarted is met by connections that are none any more
            isolation_level="REPEATABLE READ",
            connect_args={**_CLIENT, "options": _READER},
        )

    def connect(self) -> Connection | None:
        connection = self._writing.connect()
        try:
            with connection.begin():
                self._check_encoding(connection)
                # The session of a coordinator that was killed may need a moment to notice.
                connection.execute(text("SET LOCAL lock_timeout = '1s'"))
                connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        except StoreUnusable:
            connection.close()
            raise
        except DBAPIError as error:
            connection.close()
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                return None
            raise
        return connection

    def _check_encoding(self, connection: Connection) -> None:
        found = connection.scalar(text("SHOW server_encoding"))
        if found != _ENCODING:
            raise StoreUnusable(
                f"store {self.name}: the database is in encoding {found}, and {_ENCODING} is needed; make one with"
                f" `createdb --encoding={_ENCODING} --template=template0 --locale=C NAME` and name that in --store"
            )

    def version(self, connection: Connection) -> str:
        with connection.begin():
            return f"PostgreSQL {connection.scalar(text('SHOW server_version'))}"

    def migration(self, connection: Connection, old_schema: str) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        self.reading.dispose()
