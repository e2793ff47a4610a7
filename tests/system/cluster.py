"""Real processes for tests: a coordinator and compute nodes on free ports of the loopback, ended whatever happens."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roundhouse import connect
from rpc.messages import Overview

ROOT = Path(__file__).resolve().parents[2]
LETTERS = ROOT / "letters"
_START_S = 60.0
_PLAIN_NODE = ("compute_node.py", "0")
_MOST_SPARES = 4
_spares: list[Program] = []  # plain nodes of earlier tests: a start costs a second of CPU time


class Program:
    """One of our programs as a child process; its first line of output says where it serves.

    Its temporary files are in a folder of its own, which goes with it even if it is killed.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.is_plain_node = arguments == _PLAIN_NODE and not environment
        self._scratch = tempfile.TemporaryDirectory(prefix="roundhouse-test-")
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": self._scratch.name, "XDG_DATA_HOME": self._scratch.name, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.stderr: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._readers = [threading.Thread(target=read) for read in (self._read_stdout, self._read_stderr)]
        for reader in self._readers:
            reader.start()

    def wait_served(self) -> str:
        """Return the line that says that the program serves."""
        line = self.next_line()
        assert " serves on " in line, (line, self.stderr)
        return line

    def next_line(self) -> str:
        """Return the next line of output, when it comes; "" at the end."""
        return self._lines.get(timeout=_START_S)

    @property
    def port(self) -> int:
        return int(self._served.partition(" serves on ")[2].split()[0].rpartition(":")[2])

    def serve(self) -> Program:
        self._served = self.wait_served()
        return self

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._scratch.cleanup()

    def stop(self) -> int:
        """End the program as an operator would; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.kill()
            for reader in self._readers:
                reader.join(10)

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self._lines.put(line.strip())
        self._lines.put("")

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self.stderr.append(line.rstrip())


def plain_nodes(wanted: int) -> list[Program]:
    """Nodes that serve, without any options; maybe some that have served other coordinators before."""
    found = [_spares.pop() for _ in range(min(wanted, len(_spares)))]
    return found + [node.serve() for node in [Program(*_PLAIN_NODE) for _ in range(wanted - len(found))]]


def give_up(node: Program) -> None:
    """Keep a plain node for the next test, or end it."""
    if node.is_plain_node and node.process.poll() is None and len(_spares) < _MOST_SPARES:
        node.signal(signal.SIGCONT)
        _spares.append(node)
    else:
        node.stop()


def end_spares() -> None:
    """No test needs a node any more."""
    while _spares:
        _spares.pop().stop()


@dataclass(frozen=True)
class Outcome:
    """How a client program ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found

    @property
    def sha256(self) -> str:
        return self._line("model sha256: ")

    @property
    def error(self) -> float:
        return float(self._line("final validation error: "))

    def _line(self, start: str) -> str:
        lines = [line for line in self.stdout.splitlines() if line.startswith(start)]
        assert lines, (self.status, self.stdout, self.stderr)
        return lines[-1].removeprefix(start)


class Cluster:
    """A coordinator with nodes; use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 2,
        policy: str = "load-balancing",
        node_arguments: Sequence[str] = (),
        coordinator_arguments: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._node_arguments = node_arguments
        self.nodes = self._odd_nodes(nodes) if node_arguments else plain_nodes(nodes)
        listed = folder / "nodes.txt"
        listed.write_text("".join(f"127.0.0.1,{node.port}\n" for node in self.nodes))
        # Runs that are submitted again are to be computed again.
        self._coordinator_arguments = (
            policy, "--nodes", str(listed), "--memo-size", "0", "--http-port", "off", *coordinator_arguments
        )  # fmt: skip
        try:
            self.coordinator = Program("coordinator.py", "0", *self._coordinator_arguments).serve()
        except BaseException:
            for node in self.nodes:
                give_up(node)
            raise

    def _odd_nodes(self, wanted: int) -> list[Program]:
        return [node.serve() for node in [self.new_node() for _ in range(wanted)]]

    def new_node(self, port: int = 0) -> Program:
        return Program("compute_node.py", str(port), *self._node_arguments)

    def restart_node(self, index: int) -> None:
        """Start a node again that was killed, on its old port."""
        self.nodes[index] = self.new_node(self.nodes[index].port).serve()

    def restart_coordinator(self) -> None:
        """Kill the coordinator and start it again on its port; what it remembers is where its arguments say."""
        self.coordinator.kill()
        self.coordinator = Program("coordinator.py", str(self.coordinator.port), *self._coordinator_arguments).serve()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        self.coordinator.stop()
        for node in self.nodes:
            give_up(node) if kind is None else node.stop()

    def client(self, *arguments: str, data: Path = LETTERS) -> subprocess.Popen[str]:
        """Start a client of the seven-argument form; the arguments are rounds, epochs, h, eta and options."""
        command = [sys.executable, "client.py", "127.0.0.1", str(self.coordinator.port), str(data), *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def train(self, *arguments: str, data: Path = LETTERS, timeout_s: float = 100.0) -> Outcome:
        """Run a client to its end."""
        return finish(self.client(*arguments, data=data), timeout_s)

    def overview(self) -> Overview:
        """What `status` shows."""
        with connect(f"127.0.0.1:{self.coordinator.port}") as session:
            return session.status()


def finish(process: subprocess.Popen[str], timeout_s: float = 100.0) -> Outcome:
    """Wait for a client's end."""
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Outcome(process.returncode, stdout, stderr)


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Return once the condition holds; fail saying what was awaited."""
    pause = threading.Event()
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        pause.wait(0.02)
