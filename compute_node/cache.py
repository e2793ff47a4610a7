"""What a node keeps on its disk for the next time, and how much of that: the least recently used goes first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event, Thread
from typing import NamedTuple, Protocol

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """How much is kept.

    Attributes:
        max_bytes: of everything; what is in use may be more.
        grace_s: how long after its last use something still counts as in use: of a run that has rounds of minutes the
            shards must stay, and of a job that begins its bundle.
        every_s: between two looks at what there is.
    """

    max_bytes: int = 10_000_000_000
    grace_s: float = 600.0
    every_s: float = 60.0


class Kept(NamedTuple):
    """Something that is kept; `used_at` is when it was used last, in seconds since the epoch."""

    name: str
    size: int
    used_at: float
    is_in_use: bool = False


class Shelf(Protocol):
    """Where things of one kind are kept. Its methods may be called from any thread."""

    def kept(self) -> list[Kept]:
        """All that there is."""

    def drop(self, name: str) -> None:
        """Remove something, unless it has come into use meanwhile; raises OSError."""


def too_much(kept: Iterable[Kept], max_bytes: int) -> list[Kept]:
    """What has to go, so that the rest is at most so much; what is in use stays, even if that is more."""
    everything = sorted(kept, key=lambda each: each.used_at)
    total = sum(each.size for each in everything)
    doomed = []
    for each in everything:
        if total > max_bytes and not each.is_in_use:
            doomed.append(each)
            total -= each.size
    return doomed


class Cache:
    """Looks at all shelves now and then, on a thread of its own, since removing may take long.

    Attributes:
        size: bytes on all shelves, as they were last seen.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self.size = 0
        self._settings = settings
        self._shelves: list[Shelf] = []
        self._is_over = Event()

    def add(self, shelf: Shelf) -> None:
        """What is on this shelf counts from now on."""
        self._shelves.append(shelf)

    def start(self) -> None:
        """Look from now on."""
        Thread(target=self._watch, name="cache", daemon=True).start()

    def close(self) -> None:
        self._is_over.set()

    def tidy(self) -> None:
        """Remove what is too much; raises OSError if it cannot be told what there is."""
        drops: dict[Kept, Callable[[str], None]] = {}
        for shelf in tuple(self._shelves):
            drops.update(dict.fromkeys(shelf.kept(), shelf.drop))
        for each in too_much(drops, self._settings.max_bytes):
            if self._is_over.is_set():
                return
            logger.info("%s (%d bytes) was not used lately, and is removed: the cache is full", each.name, each.size)
            try:
                drops[each](each.name)
            except OSError as error:
                logger.warning("%s cannot be removed from the cache: %s", each.name, error)
            else:
                del drops[each]
        self._note_size(sum(each.size for each in drops))

    def _note_size(self, size: int) -> None:
        most, was_overfull = self._settings.max_bytes, self.size > self._settings.max_bytes
        self.size = size
        if size > most and not was_overfull:
            text = "what is in use takes %.3g GB on the disk, more than the %.3g GB of --cache-gb"
            logger.warning(text, size / 1e9, most / 1e9)

    def _watch(self) -> None:
        while not self._is_over.is_set():
            try:
                self.tidy()
            except OSError as error:
                logger.warning("the cache cannot be looked at: %s", error)
            self._is_over.wait(self._settings.every_s)
