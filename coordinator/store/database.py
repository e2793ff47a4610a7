"""What differs between the databases, and which one a name means."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from coordinator.store.failures import StoreUnusable
from coordinator.store.postgres import PostgresDatabase
from coordinator.store.sqlite import SqliteDatabase


class Database(Protocol):
    """One database with its writer's connection and the others for reading.

    Attributes:
        name: for people; without a password.
        reading: connections that change nothing. A transaction on one sees one moment.
    """

    @property
    def name(self) -> str: ...
    @property
    def reading(self) -> Engine: ...

    def connect(self) -> Connection | None:
        """The writer's connection, which no other process has while it is open; None if one has it."""

    def version(self, connection: Connection) -> str:
        """The name and version of the database, for the log."""

    def migration(self, connection: Connection, old_schema: str) -> AbstractContextManager[None]:
        """What goes on around a migration of a store that holds something (or nothing: `old_schema` is "" then)."""

    def close(self) -> None:
        """Close the connections for reading and let other processes write."""


def database_of(place: str | Path) -> Database:
    """The database of a path of a SQLite file, or of a URL.

    Raises:
        StoreUnusable: the URL is none that can be used.
    """
    if isinstance(place, Path) or "://" not in place:
        return SqliteDatabase(Path(place))
    try:
        url = make_url(place)
    except ArgumentError as error:
        raise StoreUnusable(f"{place!r} is no URL of a store; give a file, or postgresql+psycopg://...") from error
    match url.drivername:
        case "sqlite" if url.database and url.database != ":memory:":
            return SqliteDatabase(Path(url.database))
        case "postgresql+psycopg":
            return PostgresDatabase(url)
    raise StoreUnusable(f"{url.render_as_string()} cannot be a store; give a file, or postgresql+psycopg://...")
