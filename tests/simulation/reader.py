"""Reads the simulated store as the store's reader does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from coordinator.store.changes import RoundDone, ShardSurveyed
from coordinator.store.rows import OpenWork, StoredWork
from tests.simulation.store import SimStore


class SimReader:
    """What a restart asks for, and what branches and verifications do."""

    def __init__(self, store: SimStore) -> None:
        self._store = store

    def open_work(self) -> Iterator[OpenWork]:
        return self._store.open_work()

    def work(self, work_id: str) -> StoredWork | None:
        return self._store.rows[work_id].work if work_id in self._store.rows else None

    def spec(self, work_id: str) -> bytes:
        return self._store.rows[work_id].spec

    def surveys(self, work_id: str) -> tuple[ShardSurveyed, ...]:
        return tuple(survey for _, survey in sorted(self._store.rows[work_id].surveys.items()))

    def rounds(self, work_id: str, *, after: int = 0, up_to: int | None = None) -> tuple[RoundDone, ...]:
        return tuple(self._store.rows[work_id].rounds[after:up_to])

    def blobs(self, work_id: str) -> Mapping[str, str]:
        return self._store.rows[work_id].blobs
