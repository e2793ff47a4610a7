"""The coordinator's own cost: `python -m bench.rounds.scale NODES ROUNDS` with fake nodes that answer at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psutil

from bench.contestant import Figures, Run, serve
from bench.programs import line_of, node_list, port_of, running
from bench.rounds.child import Outcome, check
from bench.rounds.roundhouse import finished, submit
from bench.rounds.task import tiny_data
from client.api import Session
from roundhouse import connect

_SIZE = "1k"
_PROCESSES = 2
_CONNECT_S = 60.0


@contextmanager
def contestant(nodes: int, rounds: int) -> Iterator[Run]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-")))
        listed = folder / "nodes.txt"
        listed.write_text(node_list(_fakes(stack, nodes)))
        coordinator = stack.enter_context(running("coordinator.py", "0", "--nodes", str(listed)))
        session = stack.enter_context(connect(f"127.0.0.1:{port_of(coordinator)}"))
        data = tiny_data(folder / "tiny", nodes)
        _wait_for_nodes(session, nodes)
        process = psutil.Process(coordinator.pid)
        _turn(session, data, process, rounds)

        yield lambda: _turn(session, data, process, rounds)


def _fakes(stack: ExitStack, nodes: int) -> list[int]:
    """Start the fake nodes, a few processes full; return their ports."""
    ports: list[int] = []
    for number in range(_PROCESSES):
        count = (nodes + number) // _PROCESSES
        process = stack.enter_context(running("-m", "bench.rounds.fake_nodes", str(count), _SIZE))
        ports += [int(line_of(process)) for _ in range(count)]
    return ports


def _wait_for_nodes(session: Session, nodes: int) -> None:
    end = monotonic() + _CONNECT_S
    while sum(row.slots for row in session.status().nodes) < nodes:
        if monotonic() > end:
            raise TimeoutError(f"not all of {nodes} nodes are connected after {_CONNECT_S:.0f} s")
        sleep(0.05)


def _turn(session: Session, data: Path, process: psutil.Process, rounds: int) -> Figures:
    """Train twice: what a run of one round takes is what is done once a run."""
    before = _cpu_s(process)
    once = finished(submit(session, data, _SIZE, 1)).seconds
    between = _cpu_s(process)
    memory = process.memory_info().rss
    run = submit(session, data, _SIZE, rounds + 1)
    seconds = finished(run).seconds - once
    cpu_s = _cpu_s(process) - between - (between - before)
    check(_SIZE, Outcome(seconds, run.model().vector, rounds + 1))
    nodes = session.status().nodes
    return {
        "ms": 1000 * seconds / rounds,
        f"{rounds}-rounds-s": seconds,
        "CPU-us": 1e6 * cpu_s / (rounds * len(nodes)),
        "growth-MB": (process.memory_info().rss - memory) / 1e6,
        "deaths": sum(1 for node in nodes if node.reason or node.failed),
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    serve(contestant(int(sys.argv[1]), int(sys.argv[2])))
