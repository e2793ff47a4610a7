"""Roundhouse with real nodes, over TCP: its dispatcher, loop, heartbeats, store, checks and validation all on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.programs import node_list, peak_mb, port_of, running
from bench.rounds.child import Outcome
from bench.rounds.task import HIDDEN, INIT, tiny_data
from client.api import Session
from client.results import Result
from client.runs import Run
from roundhouse import connect

_seeds = count(1)


@contextmanager
def cluster(nodes: int, size: str, rounds: int, way: str = "tcp") -> Iterator[Callable[[], Outcome]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-")))
        command = ("-m", "bench.rounds.constant_node", way, "0")
        ports = [port_of(stack.enter_context(running(*command))) for _ in range(nodes)]
        listed = folder / "nodes.txt"
        listed.write_text(node_list(ports))
        coordinator = stack.enter_context(running("coordinator.py", "0", "--nodes", str(listed)))
        session = stack.enter_context(connect(f"127.0.0.1:{port_of(coordinator)}"))
        yield training(session, tiny_data(folder / "tiny", nodes), size, rounds, coordinator.pid)


def training(session: Session, data: Path, size: str, rounds: int, coordinator: int) -> Callable[[], Outcome]:
    """What trains so many rounds; `coordinator` is the id of its process."""

    def train() -> Outcome:
        # What a run of one round takes is what is done once a run: the survey, the last validation.
        once = finished(submit(session, data, size, 1)).seconds
        run = submit(session, data, size, rounds + 1)
        seconds = (finished(run).seconds - once) / rounds
        return Outcome(seconds, run.model().vector, rounds + 1, peak_mb(coordinator))

    return train


def submit(session: Session, data: Path, size: str, rounds: int) -> Run:
    """Start a run that only adds, and that the coordinator does not know the updates of."""
    return session.submit(data, rounds=rounds, epochs=1, hidden=HIDDEN[size], eta=0.0001, init=INIT, seed=next(_seeds))


def finished(run: Run) -> Result:
    """The result of the run, when it has ended."""
    return run.wait(timeout_s=100)
