"""One job runner as a contestant: `python -m bench.jobs.child SYSTEM ONE MANY`.

In each turn it gets so many jobs one by one, and so many at once. Every system has room for four jobs at a time, and
each job is a Python process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from statistics import quantiles
from time import time
from typing import NamedTuple, Protocol

from bench.contestant import Figures, Run, serve

AT_A_TIME = 4
INLINE = "print(1)"
CLOCKS = "import time\nfor _ in range(20):\n    time.sleep(0.02)\n    print(time.time(), flush=True)\n"


class Times(NamedTuple):
    """Of one job, in seconds from its submission, as its client saw it; `first_line_s` is None where none is told."""

    first_line_s: float | None
    end_s: float


class System(Protocol):
    """A running system, as its client."""

    def one(self, code: str, on_line: Callable[[str], None]) -> Times:
        """Run a job; each of its lines is told as it comes."""

    def many(self, code: str, number: int) -> float:
        """Submit jobs all at once; the seconds until all have completed."""

    def further(self) -> Mapping[str, float]:
        """Figures that this system alone has."""


Start = Callable[[], AbstractContextManager[System]]  # `system` of each system's module


@contextmanager
def contestant(name: str, one: int, many: int) -> Iterator[Run]:
    """Start the system that the module of this name has."""
    module, _, variant = name.partition(":")
    start: Callable[..., AbstractContextManager[System]] = import_module(f"bench.jobs.{module}").system
    with start(*([variant] if variant else [])) as system:
        system.one(INLINE, lambda line: None)
        yield lambda: _turn(system, one, many)


def _turn(system: System, one: int, many: int) -> Figures:
    system.one(INLINE, lambda line: None)  # the system has stood still, and finds itself again
    times = [system.one(INLINE, lambda line: None) for _ in range(one)]
    figures = _spread("end", [each.end_s for each in times])
    figures |= _spread("first-line", [each.first_line_s for each in times if each.first_line_s is not None])
    figures |= _spread("log", _lateness(system))
    seconds = system.many(INLINE, many)
    return figures | {"of-many-ms": 1000 * seconds / many, "of-many-jobs/s": many / seconds} | dict(system.further())


def _lateness(system: System) -> list[float]:
    """How long lines are on their way, from a job to its client, in seconds."""
    found: list[float] = []
    system.one(CLOCKS, lambda line: found.append(time() - float(line)))
    return found


def _spread(what: str, seconds: list[float]) -> Figures:
    """The middle and the 99th of a hundred; of fewer values the latter is close to the largest."""
    if len(seconds) < 2:
        return {}
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {f"{what}-p50-ms": 1000 * cuts[49], f"{what}-p99-ms": 1000 * cuts[98]}


if __name__ == "__main__":
    serve(contestant(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
