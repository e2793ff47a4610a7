"""An echo contest over one way of sending: small messages, a large one, and a larger one in parts.

`python -m bench.wire.echo WAY`: the server is a process of its own, this one is the caller.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter, process_time

import numpy as np

from bench.contestant import Figures, Run, keep_on_core, serve
from rpc.messages import PART_BYTES

MIB = 1 << 20
SMALL_BYTES = 100
LARGE_BYTES = 16 * MIB
LARGER_BYTES = 100 * MIB
_SMALL_CALLS = 300
_LARGE_CALLS = 6

Echo = Callable[[memoryview], memoryview]  # sends a message, returns what came back


@dataclass(frozen=True, slots=True)
class Way:
    """What `connect(address)` of each way returns.

    Attributes:
        echo: moves a message there and back; what it returns may be the last part only.
        call: one call with a small message; the echo where none is given.
    """

    echo: Echo
    call: Callable[[memoryview], object] | None = None


class Server:
    """The other side: `python -m bench.wire.WAY` prints its address, then its CPU seconds for each line."""

    def __init__(self, way: str) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="roundhouse-bench-")
        command = [sys.executable, "-m", f"bench.wire.{way}"]
        self._process = subprocess.Popen(
            command,
            env=os.environ | {"TMPDIR": self._scratch.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: keep_on_core(0),
        )
        self.address = self._line().rstrip("\n")

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._scratch.cleanup()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ConnectionError("the server has ended")
        return line


@contextmanager
def contestant(way: str) -> Iterator[Run]:
    """Connect, and check that what comes back is what was sent.

    Each side keeps to a core of its own: where both share one, a raw call is a mere switch between two processes,
    a third of what waking another core takes, and whether they do is the scheduler's whim.
    """
    server = Server(way)
    keep_on_core(-1)
    try:
        connected: Way = import_module(f"bench.wire.{way}").connect(server.address)
        message = np.random.default_rng(1).integers(0, 256, LARGE_BYTES, np.uint8).data
        for size in (SMALL_BYTES, PART_BYTES):
            if bytes(connected.echo(message[:size])) != bytes(message[:size]):
                raise ValueError(f"{way}: {size} bytes came back changed")
        yield lambda: _turn(connected, server, message)
    finally:
        server.end()


def _turn(way: Way, server: Server, message: memoryview) -> Figures:
    echo = way.echo
    figures = _latency(way.call or echo, message[:SMALL_BYTES])
    moved = 2 * LARGE_BYTES / 1e9
    figures["16-MiB-GB/s"] = moved / min(_seconds(echo, message) for _ in range(_LARGE_CALLS))
    cpu_s = process_time() + server.cpu_s()
    seconds = _seconds(echo, message[:PART_BYTES], LARGER_BYTES // PART_BYTES)
    cpu_s = process_time() + server.cpu_s() - cpu_s
    moved = 2 * LARGER_BYTES / 1e9
    return figures | {"100-MiB-GB/s": moved / seconds, "CPU-s/GB": cpu_s / moved}


def _latency(call: Callable[[memoryview], object], message: memoryview) -> dict[str, float]:
    times = sorted(_seconds(call, message) for _ in range(_SMALL_CALLS))
    return {"100-B-least-us": 1e6 * times[0], "100-B-us": 1e6 * times[len(times) // 2]}


def _seconds(call: Callable[[memoryview], object], message: memoryview, times: int = 1) -> float:
    started = perf_counter()
    for _ in range(times):
        call(message)
    return perf_counter() - started


if __name__ == "__main__":
    serve(contestant(sys.argv[1]))
