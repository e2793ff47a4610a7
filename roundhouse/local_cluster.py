"""A coordinator and a node of this process's own, for work that names no server."""

from __future__ import annotations

import atexit
import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock

from client.api import Session
from client.link import Link, parse_server
from roundhouse.programs import ServingProgram
from rpc.messages import MAX_SLOTS

_LOOPBACK = "127.0.0.1"
_TIMEOUT_S = 30.0  # of a call
_by_process: dict[int, LocalCluster] = {}  # after a fork, also those of the processes before


class LocalCluster:
    """One coordinator and one node with a slot for each core, as child processes.

    They start at the first `address` and again when one of them has died; they end with this process.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._programs: list[ServingProgram] = []
        self._stack = ExitStack()
        self._address = ""

    def address(self) -> str:
        """Return `HOST:PORT` of the coordinator, which serves.

        Raises:
            TrainerError: a program did not start; says which, and its last words.
        """
        with self._lock:
            if not self._programs or not all(program.is_running() for program in self._programs):
                self._stop()
                try:
                    self._start()
                except BaseException:
                    self._stop()
                    raise
            return self._address

    def connect(self) -> Session:
        """Return a session with the coordinator, which knows no token; raises as `address`."""
        host, port = parse_server(self.address())
        return Session(Link(host, port, timeout_s=_TIMEOUT_S))

    def stop(self) -> None:
        """End the programs and remove what they left."""
        with self._lock:
            self._stop()

    def leave_to_parent(self) -> None:
        """In a forked child: forget the parent's programs, which live as long as the parent does."""
        for program in self._programs:
            program.leave_to_parent()

    def _start(self) -> None:
        # No TemporaryDirectory: a forked child would remove it at its end, under the parent's feet.
        folder = Path(mkdtemp(prefix="roundhouse-local-"))
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        slots = str(min(_n_cores(), MAX_SLOTS))
        host, port = self._serve("node", folder, "0", "--slots", slots)
        nodes = folder / "nodes.txt"
        nodes.write_text(f"{host},{port}\n")
        host, port = self._serve("coordinator", folder, "0", "--nodes", str(nodes))
        self._address = f"{host}:{port}"

    def _serve(self, name: str, folder: Path, *arguments: str) -> tuple[str, int]:
        program = ServingProgram(name, *arguments, "--host", _LOOPBACK, log=folder / f"{name}.log")
        self._programs.append(program)
        return program.address()

    def _stop(self) -> None:
        for program in self._programs:
            program.ask_to_stop()
        for program in self._programs:
            program.wait()
        self._programs.clear()
        self._stack.close()


def _n_cores() -> int:
    with suppress(AttributeError):  # only Linux knows which cores a process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def local_cluster() -> LocalCluster:
    """Return the cluster that all of this process shares; a forked child gets one of its own."""
    return _by_process.setdefault(os.getpid(), LocalCluster())


def _stop_own() -> None:
    if own := _by_process.get(os.getpid()):
        own.stop()


def _leave_to_parent() -> None:
    for cluster in _by_process.values():
        cluster.leave_to_parent()


atexit.register(_stop_own)
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_leave_to_parent)
