"""python -m tests.fuzz FRAMES [--seed N] [--seconds S]: a coordinator and a node that run take harmed frames.

Half of the frames go to each. Meanwhile honest callers are answered in time, memory, descriptors and threads stay
bounded, nobody meets a bug, and in the end a run trains to the same bits as before.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import quantiles

import psutil

from rpc.client import Client
from rpc.messages import PROTOCOL_VERSION, Hello
from rpc.services import COMPUTE_NODE, COORDINATOR, Service
from tests.fuzz.attack import Told, attack
from tests.system.cluster import Cluster, Program, end_spares

_RUN = ("2", "1", "10", "0.001", "--quiet")
_P99_S = 0.25
_GROWTH = 64 << 20
_MORE_DESCRIPTORS = 64
_MORE_THREADS = 8
_EVERY_S = 0.01
_ERROR = re.compile(r"\w+(\.\w+)*(Error|Exception|Warning)\b")  # the last line of a traceback
_MOST_TOLD = 10


class Honest:
    """Calls a server all the time, on a connection of its own; a context manager."""

    def __init__(self, service: Service, port: int) -> None:
        self.took_s: list[float] = []
        self._method = "glance" if service is COORDINATOR else "status"
        role = "client" if service is COORDINATOR else "coordinator"
        self._client = Client("127.0.0.1", port, service, timeout_s=20.0, what="server")
        self._client.connect().hello(Hello(PROTOCOL_VERSION, role, coordinator="honest", epoch=1, connection="control"))
        self._args = (5,) if service is COORDINATOR else ()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._call)

    def __enter__(self) -> Honest:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._client.close()

    def _call(self) -> None:
        while not self._is_over.wait(_EVERY_S):
            started = time.perf_counter()
            self._client.call(self._method, *self._args)
            self.took_s.append(time.perf_counter() - started)


class Size:
    """What a process has."""

    def __init__(self, program: Program) -> None:
        process = psutil.Process(program.process.pid)
        self.memory = process.memory_info().rss
        self.descriptors = process.num_fds()
        self.threads = process.num_threads()


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("frames", type=int)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after so many (default: when all are sent)")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            flaws = _fuzz(args, Path(folder))
    finally:
        end_spares()
    for flaw in flaws:
        print(f"FLAW: {flaw}")
    print(f"fuzz --seed {args.seed}: {len(flaws)} flaws")
    return 1 if flaws else 0


def _fuzz(args: argparse.Namespace, folder: Path) -> list[str]:
    with Cluster(folder, nodes=1, node_arguments=("--slots", "2")) as cluster:
        before = cluster.train(*_RUN).sha256
        flaws: list[str] = []
        for service, program in ((COORDINATOR, cluster.coordinator), (COMPUTE_NODE, cluster.nodes[0])):
            seconds = args.seconds / 2.0
            flaws += _attacked(service, program, args.frames // 2, args.seed, seconds)
        after = cluster.train(*_RUN)
        if after.status or after.sha256 != before:
            flaws.append(f"an honest run ends with {after}, and had model {before}")
    return flaws


def _attacked(service: Service, program: Program, frames: int, seed: str, seconds: float) -> list[str]:
    flaws: list[str] = []
    with Honest(service, program.port) as honest:
        attack(service, program.port, max(1, frames // 20), f"{seed}/warm")
        small, started = Size(program), time.monotonic()
        told = attack(service, program.port, frames, seed, until=started + seconds if seconds else 0.0)
        took_s = time.monotonic() - started
    large = Size(program)
    p99_s = quantiles(honest.took_s, n=100)[98]
    grown = (large.memory - small.memory) / 1e6
    print(
        f"{service.name}: {told.frames:,} frames on {told.connections:,} connections, {told.frames / took_s:,.0f}/s; "
        f"an honest call takes {1000 * p99_s:.0f} ms (99 of 100); memory {grown:+.1f} MB, "
        f"descriptors {large.descriptors - small.descriptors:+d}, threads {large.threads - small.threads:+d}",
        flush=True,
    )
    flaws += _judged(service, told, program)
    flaws += [f"{service.name}: honest calls take {1000 * p99_s:.0f} ms"] if p99_s > _P99_S else []
    flaws += [f"{service.name}: {grown:.0f} MB more"] if large.memory - small.memory > _GROWTH else []
    if large.descriptors > small.descriptors + _MORE_DESCRIPTORS or large.threads > small.threads + _MORE_THREADS:
        flaws.append(f"{service.name}: {large.descriptors} descriptors, {large.threads} threads")
    return flaws


def _judged(service: Service, told: Told, program: Program) -> list[str]:
    flaws = [f"{service.name}: an internal error for {batch.hex()}" for batch in told.incidents]
    if program.process.poll() is not None:
        flaws.append(f"{service.name}: it is dead: {program.stderr[-5:]}")
    if told.held:
        flaws.append(f"{service.name}: {told.held} connections were not closed")
    bugs = sorted({line for line in program.stderr if _ERROR.match(line)})
    return flaws + [f"{service.name}: in its log: {bug}" for bug in bugs[:_MOST_TOLD]]


if __name__ == "__main__":
    sys.exit(main())
