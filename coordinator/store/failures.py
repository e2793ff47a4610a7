"""What can go wrong with a store, told apart: an outage that passes, a store that is not ours to use, and bugs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from rpc.errors import FailureKind, StoreDown, TrainerError

__all__ = ["StoreDown", "StoreHeld", "StoreUnusable", "told_apart"]


class StoreUnusable(TrainerError):
    """The store cannot be used at all: its schema is of a newer version, or it is no store of ours."""

    kind = FailureKind.SETUP_FAILED
    code = "store_unusable"


class StoreHeld(TrainerError):
    """Another coordinator writes to the store; this one must end."""

    kind = FailureKind.SETUP_FAILED
    code = "store_held"


# Result codes of SQLite: busy, locked, read-only, I/O error, full, cannot open, locking protocol.
_SQLITE_DOWN = frozenset({5, 6, 8, 10, 13, 14, 15})
_SQLITE_NO_STORE = frozenset({11, 26})  # corrupt, not a database
# Classes of SQLSTATE: connection, rollback by the server, resources, not in the right state, operator, system.
_POSTGRES_DOWN = frozenset({"08", "40", "53", "55", "57", "58"})
_POSTGRES_READ_ONLY = "25006"


@contextmanager
def told_apart(store: str) -> Iterator[None]:
    """Raise errors of the database as StoreDown or StoreUnusable where they are that; bugs stay what they are."""
    try:
        yield
    except DBAPIError as error:
        cause = " ".join(str(error.orig).split())
        if _is_down(error):
            raise StoreDown(f"store {store}: {cause}; work goes on when it is back") from error
        if _sqlite_code(error) in _SQLITE_NO_STORE:
            raise StoreUnusable(f"store {store}: {cause}; restore it from a copy, or choose another one") from error
        raise


def _sqlite_code(error: DBAPIError) -> int:
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF


def _is_down(error: DBAPIError) -> bool:
    if error.connection_invalidated or _sqlite_code(error) in _SQLITE_DOWN:
        return True
    if not hasattr(error.orig, "sqlstate"):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:  # the server did not answer
        return isinstance(error, OperationalError)
    return state == _POSTGRES_READ_ONLY or state[:2] in _POSTGRES_DOWN
