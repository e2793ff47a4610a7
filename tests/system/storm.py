"""A coordinator is killed under many nodes, which all come back at once: `python -m tests.system.storm NODES`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from client.api import Session
from roundhouse import connect
from rpc.messages import EventQuery, EventRow
from tests.system.cluster import Cluster, Program, wait_until

_PROCESSES = 2
_CONNECT_S = 60.0
_WINDOW_MS = 100


@dataclass(frozen=True, slots=True)
class Storm:
    """What became of it. Times in seconds from the moment the coordinator serves again.

    Attributes:
        registered_s: until all nodes were there.
        densest: how many of them at most came within a tenth of a second.
        lost: nodes given up from then on, for want of heartbeats.
        call_p99_s, call_max_s: how long clients waited for the list of nodes meanwhile.
    """

    nodes: int
    registered_s: float
    densest: int
    lost: int
    call_p99_s: float
    call_max_s: float


def storm(nodes: int, folder: Path, *options: str, hold_s: float) -> Storm:
    """Kill the coordinator of so many nodes, start it again, and watch for `hold_s` seconds after all are back."""
    kept = ("--data-dir", str(folder / "data"), *options)
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(folder, nodes=0, coordinator_arguments=kept))
        port, share = str(cluster.coordinator.port), nodes // _PROCESSES
        for first in range(0, nodes, share):
            stack.enter_context(_program("-m", "tests.system.many_nodes", port, str(share), str(first)))
        calls: list[float] = []
        with connect(f"127.0.0.1:{port}") as session:
            wait_until(lambda: _ready(session, calls) == nodes, "all nodes", _CONNECT_S)
            before = session.events().last
        cluster.restart_coordinator()
        began, calls = time.monotonic(), []
        with connect(f"127.0.0.1:{port}") as session:
            wait_until(lambda: _ready(session, calls) == nodes, "all nodes again", _CONNECT_S)
            registered_s = time.monotonic() - began
            end = began + registered_s + hold_s
            wait_until(lambda: _ready(session, calls) < 0 or time.monotonic() > end, "the end", hold_s + _CONNECT_S)
            events = list(_since(session, before))
    ups = Counter(event.at_ms // _WINDOW_MS for event in events if event.kind == "node up")
    lost = sum(event.kind == "node lost" for event in events)
    calls.sort()
    return Storm(nodes, registered_s, max(ups.values()), lost, calls[int(0.99 * len(calls))], calls[-1])


@contextmanager
def _program(*arguments: str) -> Iterator[Program]:
    program = Program(*arguments)
    try:
        yield program
    finally:
        program.stop()


def _ready(session: Session, calls: list[float]) -> int:
    """How many nodes are ready; `calls` gets how long the question took."""
    asked = time.monotonic()
    rows = session.nodes()
    calls.append(time.monotonic() - asked)
    return sum(row.state == "ready" for row in rows)


def _since(session: Session, after: int) -> Iterator[EventRow]:
    while page := session.events(EventQuery(after=after, limit=1000)).events:
        yield from page
        after = page[-1].number


def main(nodes: str) -> None:
    with TemporaryDirectory() as folder:
        print(storm(int(nodes), Path(folder), hold_s=12.0))


if __name__ == "__main__":
    main(*sys.argv[1:])
