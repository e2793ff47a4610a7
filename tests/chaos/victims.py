"""What can be harmed, and healed again: our programs, and the database under them."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from tests.chaos.child import Child
from tests.coordinator.store.postgres_server import PostgresServer, database_in
from tests.rpc.read_only import make_read_only, make_writable, may_make_read_only
from tests.system.proxy import Mode, Proxy

_FULL_BYTES = 4096  # no file grows beyond that while the disk is full


class Harm(NamedTuple):
    """What was done to a victim, and how many seconds later it is to be healed."""

    kind: str
    lasts_s: float


class Victim(Protocol):
    """Something that is harmed and healed in turn."""

    name: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """What can be done to it: each of them first, in this order, then any, as often as it stands here."""
        ...

    def harm(self, kind: str, rng: Random) -> Harm:
        """Do this to it, or say what was done instead."""
        ...

    def heal(self) -> None: ...


class ProgramVictim:
    """A program that is killed and started again, or paused and let go on."""

    kinds = ("killed", "paused", "killed")

    def __init__(self, name: str, start: Callable[[], Child], *, longest_pause_s: float) -> None:
        self.name = name
        self._start = start
        self._longest_pause_s = longest_pause_s
        self.children = [start()]

    @property
    def child(self) -> Child:
        """The process that it is now."""
        return self.children[-1]

    def harm(self, kind: str, rng: Random) -> Harm:
        if kind == "killed":
            self.child.kill()
            return Harm(kind, rng.uniform(0.0, 2.0))
        self.child.pause()
        return Harm(kind, rng.uniform(0.1, self._longest_pause_s))

    def heal(self) -> None:
        if self.child.is_paused:
            self.child.go_on()
        else:
            self.children.append(self._start())


class NetworkVictim:
    """The way to a node: cut, silent, or spoiling what passes for a while."""

    kinds = (Mode.CUT.value, Mode.SILENT.value, Mode.GARBAGE.value)

    def __init__(self, name: str, proxy: Proxy, *, longest_s: float) -> None:
        self.name = name
        self._proxy = proxy
        self._longest_s = longest_s

    def harm(self, kind: str, rng: Random) -> Harm:
        self._proxy.mode = Mode(kind)
        return Harm(kind, rng.uniform(0.1, self._longest_s))

    def heal(self) -> None:
        self._proxy.mode = Mode.PASS


class DiskVictim:
    """The disk under a program: full for a while, so that its files do not grow, or read-only as after an error."""

    name = "disk"

    def __init__(self, program: ProgramVictim, folder: Path) -> None:
        """`folder` is where the program has its files."""
        self.kinds = ("full", "read-only") if may_make_read_only() else ("full",)
        self._program = program
        self._folder = folder
        self._is_read_only = False
        self._limited: Child | None = None

    def harm(self, kind: str, rng: Random) -> Harm:
        child = self._program.child
        if child.exit_status is not None:
            return Harm("unused", 0.0)
        if kind == "read-only":
            self._is_read_only = make_read_only(self._folder)
        # Which a read-only disk needs, too: files that are open already can be written to until they are opened anew.
        _limit_files(child.pid, _FULL_BYTES)
        self._limited = child
        return Harm(kind, rng.uniform(0.5, 3.0))

    def heal(self) -> None:
        if self._is_read_only:
            make_writable(self._folder)
            self._is_read_only = False
        # Another process than that one has never been limited.
        if self._limited is not None and self._limited.exit_status is None:
            _limit_files(self._limited.pid, resource.RLIM_INFINITY)
        self._limited = None


def _limit_files(pid: int, size: int) -> None:
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))


class PostgresVictim:
    """A PostgreSQL server that stops as after a power cut and recovers, or becomes read-only as a standby is."""

    name = "postgresql"
    kinds = ("stopped", "read-only")

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        self._url = url
        self._is_stopped = False

    def harm(self, kind: str, rng: Random) -> Harm:
        if kind == "stopped":
            self._server.stop()
            self._is_stopped = True
        else:
            self._make_read_only("on")
            self._server.cut_off(self._url)  # because it holds for new sessions
        return Harm(kind, rng.uniform(0.2, 2.0))

    def heal(self) -> None:
        if self._is_stopped:
            self._server.start()
            self._is_stopped = False
        else:
            self._make_read_only("off")

    def _make_read_only(self, state: str) -> None:
        database = database_in(self._url)
        self._server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = {state}")


class SqliteVictim:
    """A SQLite file that another process keeps locked for a while."""

    name = "sqlite"
    kinds = ("locked",)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: sqlite3.Connection | None = None

    def harm(self, kind: str, rng: Random) -> Harm:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0.5)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # a writer that is paused in the middle has it
            connection.close()
            return Harm("busy", 0.0)
        self._lock = connection
        return Harm(kind, rng.uniform(0.2, 3.0))

    def heal(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
