"""What an attack costs: how long honest callers wait meanwhile, and what the process has that is attacked."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

from tests.system.cluster import Program, wait_until
from tests.system.honest import Honest

P99_S = 0.25
GROWTH = 64 << 20
LEAST_CALLS = 300
MORE_DESCRIPTORS = 560  # 512 connections that have not said hello, and what others have
MORE_THREADS = 16
_EVERY_S = 0.05
_LEAST_S = 1.5
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Size:
    """What a process has; memory in bytes."""

    memory: int
    descriptors: int
    threads: int


def size_of(program: Program) -> Size:
    process = psutil.Process(program.process.pid)
    return Size(process.memory_info().rss, process.num_fds(), process.num_threads())


class Besieged:
    """One attack on one program; a context manager, which at its end judges."""

    def __init__(self, what: str, program: Program, honest: Honest, *, more_threads: int = MORE_THREADS) -> None:
        self._what = what
        self._more_threads = more_threads
        self._program = program
        self._honest = honest
        self._before = size_of(program)
        self._largest = self._before
        self._is_over = threading.Event()
        self._looker = threading.Thread(target=self._look)
        self._began = time.monotonic()
        self.said = ""  # more for the line of figures

    def __enter__(self) -> Self:
        self._looker.start()
        self._honest.calls(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._honest.calls(False)
        self._looker.join()
        if kind is None:
            self._judge()

    def rounds(self) -> Iterator[None]:
        """Yield for each round of the attack, until there were enough honest calls to judge by."""
        least, ends = time.monotonic() + _LEAST_S, time.monotonic() + _PATIENCE_S
        while time.monotonic() < least or len(self._honest.since(self._began)) < LEAST_CALLS:
            assert time.monotonic() < ends, f"{self._what}: nobody honest gets far"
            yield

    def gone(self, within_s: float, but: int = 0) -> None:
        """Wait until nothing is left of an attack but so many descriptors."""
        most = self._before.descriptors + 8 + but  # the honest one comes and goes
        wait_until(lambda: size_of(self._program).descriptors <= most, f"{self._what}: nothing is left", within_s)

    def _look(self) -> None:
        while not self._is_over.wait(_EVERY_S):
            now, most = size_of(self._program), self._largest
            self._largest = Size(
                max(most.memory, now.memory), max(most.descriptors, now.descriptors), max(most.threads, now.threads)
            )

    def _judge(self) -> None:
        took, before, most = sorted(self._honest.since(self._began)), self._before, self._largest
        p99_s = took[math.ceil(0.99 * len(took)) - 1]
        print(
            f"{self._what}: {len(took)} honest calls, {1000 * p99_s:.0f} ms (99 of 100), {1000 * took[-1]:.0f} ms at"
            f" most; memory {(most.memory - before.memory) / 1e6:+.1f} MB, descriptors"
            f" {most.descriptors - before.descriptors:+d}, threads {most.threads - before.threads:+d}{self.said}"
        )
        assert len(took) >= LEAST_CALLS, self._what
        assert p99_s <= P99_S, self._what
        assert most.memory - before.memory < GROWTH, self._what
        assert most.descriptors - before.descriptors <= MORE_DESCRIPTORS, self._what
        assert most.threads - before.threads <= self._more_threads, self._what
