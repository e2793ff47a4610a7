"""What piles up goes in time: old events, ended runs beyond those to keep, files that nothing names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coordinator.recorder import Recorder
from coordinator.removals import Removals
from coordinator.store.failures import StoreDown
from coordinator.store.store import Store
from coordinator.store.thinning import Retention, Surplus
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.loop import Loop

_LOOK_S, _MORE_S = 60.0, 0.5
_EVENTS = 500  # removed in one transaction: some 10 ms
_RUNS = 10
_COLLECT_S = 86_400.0
_UNUSED_S = 86_400.0  # a file that was sent for work to come, or the beginning of one

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept: events, and how many of the works that ended last."""

    events: Retention
    runs: int


class Housekeeping:
    """What goes is looked for on a thread, which holds up nobody, and removed a little at a time, between commits.

    Args:
        on_end: called with what makes it impossible to go on.
    """

    def __init__(
        self,
        loop: Loop,
        store: Store,
        blobs: BlobFolder,
        limits: Limits,
        *,
        recorder: Recorder,
        removals: Removals,
        on_end: Callable[[Exception], None],
    ) -> None:
        self._loop = loop
        self._store = store
        self._blobs = blobs
        self._limits = limits
        self._recorder = recorder
        self._removals = removals
        self._on_end = on_end
        self._thread = Aside(loop, 1, "housekeeping")

    def start(self) -> None:
        """Begin now, and go on for ever."""
        self._collect()
        self._thin()
        self._retire()

    def close(self) -> None:
        self._thread.close()

    def _thin(self) -> None:
        """Remove events that are not to be kept."""

        def found(surplus: Surplus) -> None:
            self._recorder.between_commits(
                lambda: self._store.thin(surplus),
                self._then(self._thin, lambda _: self._again(self._thin, more=surplus.is_full)),
            )

        now_ms = time.time_ns() // 1_000_000
        self._thread.run(
            lambda: self._store.reader.surplus(self._limits.events, now_ms=now_ms, most=_EVENTS),
            self._then(self._thin, found),
        )

    def _retire(self) -> None:
        """Remove ended work beyond what is kept."""

        def found(ids: tuple[str, ...]) -> None:
            gone = self._removals.removable(ids)
            more = len(gone) == _RUNS
            self._removals.remove(gone, lambda: self._again(self._retire, more=more))

        self._thread.run(
            lambda: self._store.reader.ended_before(self._limits.runs, limit=_RUNS), self._then(self._retire, found)
        )

    def _collect(self) -> None:
        """Remove files that nothing names, but for new ones, which may be about to be named."""

        def look() -> list[str]:
            self._blobs.remove_parts(_UNUSED_S)
            return self._blobs.names(untouched_s=_UNUSED_S)

        def found(names: list[str] | Exception) -> None:
            if not isinstance(names, Exception):
                files = dict.fromkeys(names, _UNUSED_S)
                self._recorder.between_commits(lambda: self._recorder.remove_unnamed(files), tell)
            else:
                tell(names)

        def tell(outcome: Exception | None) -> None:
            if outcome is not None:
                logger.warning("files that nothing needs stay for another day: %s", outcome)
            self._loop.call_later(_COLLECT_S, self._collect)

        self._thread.run(look, found)

    def _again(self, step: Callable[[], None], *, more: bool) -> None:
        self._loop.call_later(_MORE_S if more else _LOOK_S, step)

    def _then(self, step: Callable[[], None], go_on: Callable[[Any], None]) -> Callable[[Any], None]:
        """What takes the outcome of a part of `step`: begins anew later while the store is down."""

        def done(outcome: Any) -> None:
            if isinstance(outcome, StoreDown):
                self._again(step, more=False)
            elif isinstance(outcome, Exception):
                self._on_end(outcome)
            else:
                go_on(outcome)

        return done
