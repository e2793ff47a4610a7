"""What can be harmed, and healed again: our programs, and the database under them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from tests.chaos.child import Child
from tests.coordinator.store.postgres_server import PostgresServer
from tests.system.proxy import Mode, Proxy

_KILLED = 0.7  # of the strikes at a program; the others pause it


class Harm(NamedTuple):
    """What was done to a victim, and how many seconds later it is to be healed."""

    kind: str
    lasts_s: float


class Victim(Protocol):
    """Something that is harmed and healed in turn."""

    name: str

    def harm(self, rng: Random) -> Harm: ...

    def heal(self) -> None: ...


class ProgramVictim:
    """A program that is killed and started again, or paused and let go on."""

    def __init__(self, name: str, start: Callable[[], Child], *, longest_pause_s: float) -> None:
        self.name = name
        self._start = start
        self._longest_pause_s = longest_pause_s
        self.children = [start()]

    @property
    def child(self) -> Child:
        """The process that it is now."""
        return self.children[-1]

    def harm(self, rng: Random) -> Harm:
        if rng.random() < _KILLED:
            self.child.kill()
            return Harm("killed", rng.uniform(0.0, 2.0))
        self.child.pause()
        return Harm("paused", rng.uniform(0.1, self._longest_pause_s))

    def heal(self) -> None:
        if self.child.is_paused:
            self.child.go_on()
        else:
            self.children.append(self._start())


class NetworkVictim:
    """The way to a node: cut, silent, or spoiling what passes for a while."""

    def __init__(self, name: str, proxy: Proxy, *, longest_s: float) -> None:
        self.name = name
        self._proxy = proxy
        self._longest_s = longest_s

    def harm(self, rng: Random) -> Harm:
        self._proxy.mode = rng.choice([Mode.CUT, Mode.SILENT, Mode.GARBAGE])
        return Harm(self._proxy.mode.value, rng.uniform(0.1, self._longest_s))

    def heal(self) -> None:
        self._proxy.mode = Mode.PASS


class PostgresVictim:
    """A PostgreSQL server that stops as after a power cut, and recovers."""

    name = "postgresql"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def harm(self, rng: Random) -> Harm:
        self._server.stop()
        return Harm("stopped", rng.uniform(0.2, 2.0))

    def heal(self) -> None:
        self._server.start()


class SqliteVictim:
    """A SQLite file that another process keeps locked for a while."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: sqlite3.Connection | None = None

    def harm(self, rng: Random) -> Harm:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0.5)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # a writer that is paused in the middle has it
            connection.close()
            return Harm("busy", 0.0)
        self._lock = connection
        return Harm("locked", rng.uniform(0.2, 3.0))

    def heal(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
