"""Eight nodes, a coordinator and a store: started, told when one has ended by itself, and ended whatever happens."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from threading import Event
from time import monotonic

from client.api import Session
from client.link import Link
from tests.chaos.child import Child
from tests.chaos.victims import DiskVictim, NetworkVictim, PostgresVictim, ProgramVictim, SqliteVictim, Victim
from tests.coordinator.store.postgres_server import PostgresServer, server_programs
from tests.system.proxy import Proxy

NODES = 8
JOINED = 3  # of them dial the coordinator; it dials the others,
PROXIED = 2  # and some of those through a network that fails
BEAT_S, LEASE_S = 0.5, 3.0
_START_S = 180.0  # eight nodes test their kernels at once, maybe on two cores that others use too
_FIRST_PORT, _LAST_PORT = 21_000, 29_000
_LONGEST_PAUSE_S = 1.5 * LEASE_S  # so that some wake up after their tasks went elsewhere


class Fleet:
    """Use it as a context manager. All its programs are children of this process, on the loopback."""

    def __init__(self, folder: Path, store: str) -> None:
        """`store` is sqlite or postgresql; everything is kept, and logged, below `folder`."""
        self._folder = folder
        self.store = store
        self.logs = folder / "logs"
        self.logs.mkdir()
        self._proxies: list[int] = []  # ports
        self._stack = ExitStack()
        self._numbers = count(1)

    def __enter__(self) -> Fleet:
        with ExitStack() as stack:
            self._url, self.database = self._new_database(stack)
            port, *self._node_ports = free_ports(1 + NODES - JOINED)
            self.server = ("127.0.0.1", port)
            self.networks = [self._new_network(stack, number) for number in range(PROXIED)]
            dialled = [*self._proxies, *self._node_ports[PROXIED:]]
            (self._folder / "nodes.txt").write_text("".join(f"127.0.0.1,{port}\n" for port in dialled))
            self.coordinator = ProgramVictim("coordinator", self._coordinator, longest_pause_s=_LONGEST_PAUSE_S)
            stack.callback(lambda: self.coordinator.child.kill())
            self.disk = DiskVictim(self.coordinator, self._folder / "coordinator")
            stack.callback(self.disk.heal)
            self.nodes = [self._new_node(stack, number) for number in range(NODES)]
            for program in (self.coordinator, *self.nodes):
                assert program.child.serves.wait(_START_S), f"{program.name}: {program.child.last_words()}"
            self._wait_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _wait_ready(self) -> None:
        """Return once every node has found out its numeric class, which takes it a second or two."""
        never, end_at = Event(), monotonic() + _START_S
        with Session(Link(*self.server, timeout_s=_START_S)) as session:
            while sum(bool(row.numeric_classes) for row in session.nodes()) < NODES:
                assert monotonic() < end_at, f"not all nodes are ready after {_START_S:g} s"
                never.wait(0.1)

    def _new_network(self, stack: ExitStack, number: int) -> NetworkVictim:
        proxy = stack.enter_context(Proxy(self._node_ports[number]))
        self._proxies.append(proxy.port)
        return NetworkVictim(f"network-{number}", proxy, longest_s=_LONGEST_PAUSE_S)

    def _new_node(self, stack: ExitStack, number: int) -> ProgramVictim:
        node = ProgramVictim(f"node-{number}", lambda: self._node(number), longest_pause_s=_LONGEST_PAUSE_S)
        stack.callback(lambda: node.child.kill())
        return node

    def _coordinator(self) -> Child:
        nodes, data = str(self._folder / "nodes.txt"), str(self._folder / "coordinator")
        lease = ("--beat", str(BEAT_S), "--lease", str(LEASE_S))
        memo = ("--memo-size", "0")  # every wave is to compute all of its own
        return self._child(
            "coordinator", "coordinator.py", str(self.server[1]), "--nodes", nodes, "--data-dir", data,
            "--store", self._url, *lease, *memo, "--http-port", "off",
        )  # fmt: skip

    def _node(self, number: int) -> Child:
        if number < len(self._node_ports):
            place = [str(self._node_ports[number])]
        else:
            place = ["--join", f"127.0.0.1:{self.server[1]}"]
        data = str(self._folder / f"node-{number}")
        return self._child(f"node-{number}", "compute_node.py", *place, "--data-dir", data)

    def _child(self, name: str, *arguments: str) -> Child:
        log = self.logs / f"{name}.{next(self._numbers):05}.log"
        return Child([*arguments, "--log-level", "info"], log)

    def _new_database(self, stack: ExitStack) -> tuple[str, Victim]:
        if self.store == "sqlite":
            path = self._folder / "coordinator" / "store.db"
            return "", SqliteVictim(path)
        programs = server_programs()
        assert programs is not None, "no PostgreSQL server; apt-get install postgresql"
        server = PostgresServer(programs)
        stack.callback(server.close)
        url = server.new_database()
        return url, PostgresVictim(server, url)


def free_ports(wanted: int) -> list[int]:
    """Ports that nobody has now, below those that the system gives to connections: they stay free while we are away."""
    found: list[int] = []
    first = os.getpid() * (NODES + 2) % (_LAST_PORT - _FIRST_PORT)  # two sessions at once do not meet
    for port in (*range(_FIRST_PORT + first, _LAST_PORT), *range(_FIRST_PORT, _FIRST_PORT + first)):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found.append(port)
            if len(found) == wanted:
                return found
    raise AssertionError(f"only {len(found)} ports are free from {_FIRST_PORT} to {_LAST_PORT}")
