"""Stores and changes for tests, with what does not matter filled in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coordinator.store.changes import Change, WorkSubmitted
from coordinator.store.ownership import this_process
from coordinator.store.store import Store
from rpc.messages import EventRow

NOW_MS = 1_800_000_000_000


@contextmanager
def open_store(place: str | Path, *, address: str = "127.0.0.1:9090", now_ms: int = NOW_MS) -> Iterator[Store]:
    """A store that is closed at the end, whatever happens."""
    store = Store.open(place, this_process(address, now_ms), identity="cafe")
    try:
        yield store
    finally:
        store.close()


def submitted(work_id: str, spec: bytes = b"spec", **settings: Any) -> WorkSubmitted:
    """A run."""
    return WorkSubmitted(work_id, "run", "letters", spec, at_ms=1, **settings)


def happened(number: int, work_id: str = "", **settings: Any) -> EventRow:
    """An event."""
    return EventRow(number, at_ms=number, kind=settings.pop("kind", "note"), work=work_id, **settings)


class Batches:
    """Writes batch after batch, as the coordinator does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.last = 0

    def write(self, *changes: Change) -> tuple[Change, ...]:
        """Write the next batch; return what came too late."""
        late = self._store.write(self.last + 1, changes)
        self.last += 1
        return late
