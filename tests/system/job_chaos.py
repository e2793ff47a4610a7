"""Short script jobs while nodes and coordinator are killed: `python -m tests.system.job_chaos JOBS [SECONDS]`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TypeVar

from client.api import Session
from roundhouse import connect
from rpc.errors import TrainerError
from rpc.messages import WorkRow
from tests.compute_node.scripts.jobs import assert_gone
from tests.system.cluster import Program, wait_until

T = TypeVar("T")

_CODE = """
import pathlib, sys, time
mark, name, seconds = sys.argv[1:]
print(name, "begins", flush=True)
time.sleep(float(seconds))
pathlib.Path("out/name.txt").write_text(name)
"""
_TIMES = ("--beat", "0.5", "--lease", "2", "--job-lease", "4")
_OFTEN = 1000  # as often as it takes
_FAN = 5  # every so many'th job comes after the two before it


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the jobs, as their client saw it.

    Attributes:
        states: how many ended how.
        names: how often each job has left its name.
        early: of those that come after others, who began before the ends of these.
        kills: of nodes and of the coordinator.
        attempts: of all jobs together.
    """

    states: Counter[str]
    names: Counter[str]
    early: list[str]
    kills: Counter[str]
    attempts: int
    seconds: float


class Pool:
    """Nodes and a coordinator in folders that outlive them."""

    def __init__(self, folder: Path, n_nodes: int) -> None:
        self._folder = folder
        self.kills: Counter[str] = Counter()
        self.nodes = [self._node(number, 0) for number in range(n_nodes)]
        listed = folder / "nodes.txt"
        listed.write_text("".join(f"127.0.0.1,{node.port}\n" for node in self.nodes))
        kept = ("--data-dir", str(folder / "coordinator"))
        self._arguments = ("--nodes", str(listed), *kept, "--http-port", "off", *_TIMES)
        self.coordinator = Program("coordinator.py", "0", *self._arguments).serve()

    def kill_node(self, number: int) -> None:
        """Kill a node, and start it again on its port."""
        self.nodes[number].kill()
        self.nodes[number] = self._node(number, self.nodes[number].port)
        self.kills["node"] += 1

    def kill_coordinator(self) -> None:
        """Kill the coordinator, and start it again on its port."""
        self.coordinator.kill()
        self.coordinator = Program("coordinator.py", str(self.coordinator.port), *self._arguments).serve()
        self.kills["coordinator"] += 1

    def stop(self) -> None:
        self.coordinator.stop()
        for node in self.nodes:
            node.stop()

    def _node(self, number: int, port: int) -> Program:
        folder = str(self._folder / f"node-{number}")
        return Program("compute_node.py", str(port), "--slots", "2", "--data-dir", folder).serve()


def job_chaos(n_jobs: int, *, n_nodes: int = 4, life_s: float = 3.0, limit_s: float = 600.0, seed: int = 1) -> Report:
    """Run short jobs to their ends while something is killed every `life_s` seconds on average."""
    rng, done = Random(seed), Event()
    mark = f"job-chaos-{time.time_ns()}"
    with TemporaryDirectory() as name:
        pool = Pool(Path(name), n_nodes)
        harm = Thread(target=_harm, args=(pool, rng, life_s, done))
        began = time.monotonic()
        try:
            server = f"127.0.0.1:{pool.coordinator.port}"
            harm.start()
            ids = [_again(server, _submitter(mark, number)) for number in range(n_jobs)]
            ended: dict[str, WorkRow] = {}
            wait_until(lambda: _look(server, ids, ended), f"the ends of {n_jobs} jobs", limit_s)
            seconds = time.monotonic() - began
            done.set()
            harm.join()
            report = _report(server, ids, ended, pool, seconds=seconds)
        finally:
            done.set()
            if harm.ident is not None:
                harm.join()
            pool.stop()
    assert_gone(mark, 10.0)
    return report


def _harm(pool: Pool, rng: Random, life_s: float, done: Event) -> None:
    while not done.wait(rng.expovariate(1.0 / life_s)):
        if rng.random() < 0.3:
            pool.kill_coordinator()
        else:
            pool.kill_node(rng.randrange(len(pool.nodes)))


def _submitter(mark: str, number: int) -> Callable[[Session], str]:
    seconds = str(Random(number).uniform(0.0, 0.3))
    arguments = (mark, f"job {number}", seconds)
    after = tuple(f"{mark}-{each}" for each in _before(number))
    return lambda session: (
        session.submit_script(
            code=_CODE, name=f"job {number}", arguments=arguments, key=f"{mark}-{number}", retries=_OFTEN,
            timeout_s=30.0, after=after,
        ).id
    )  # fmt: skip


def _before(number: int) -> tuple[int, ...]:
    """The jobs that this one comes after."""
    return (number - 2, number - 1) if number >= _FAN and number % _FAN == 0 else ()


def _again(server: str, call: Callable[[Session], T]) -> T:
    """Call until the coordinator is there to answer."""
    pause, until = Event(), time.monotonic() + 60.0
    while True:
        try:
            with connect(server, timeout_s=10.0) as session:
                return call(session)
        except TrainerError:
            if time.monotonic() > until:
                raise
            pause.wait(0.1)


def _look(server: str, ids: list[str], ended: dict[str, WorkRow]) -> bool:
    """Take note of the jobs that have ended; whether all have."""
    for row in _again(server, lambda session: session.jobs(limit=len(ids))):
        if row.ended_ms:
            assert ended.setdefault(row.id, row).state == row.state, f"{row.id} ended twice"
    return ended.keys() >= set(ids)


def _report(server: str, ids: list[str], ended: dict[str, WorkRow], pool: Pool, *, seconds: float) -> Report:
    names: Counter[str] = Counter()
    attempts = 0
    with connect(server) as session, TemporaryDirectory() as folder:
        for number, each in enumerate(ids):
            job = session.job(each)
            detail = job.detail().job
            attempts += detail.attempts if detail is not None else 0
            names.update(file.read_text() for file in job.fetch(Path(folder, str(number))))
    rows = [ended[each] for each in ids]
    early = [
        row.id
        for number, row in enumerate(rows)
        if any(row.started_ms < rows[before].ended_ms for before in _before(number))
    ]
    return Report(Counter(row.state for row in rows), names, early, pool.kills, attempts, seconds)


def main() -> int:
    n_jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    report = job_chaos(n_jobs, limit_s=float(sys.argv[2]) if len(sys.argv) > 2 else 900.0)
    print(f"{n_jobs} jobs: {dict(report.states)} in {report.seconds:.0f} s, {report.attempts} attempts")
    print(f"killed: {dict(report.kills)}")
    is_well = report.states == {"completed": n_jobs} and report.names == {f"job {n}": 1 for n in range(n_jobs)}
    print("each left its name once" if is_well else "WRONG: not every job left its name exactly once")
    print(f"WRONG: begun too early: {report.early}" if report.early else "none began before those that it comes after")
    return 0 if is_well and not report.early else 1


if __name__ == "__main__":
    sys.exit(main())
