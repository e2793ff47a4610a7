"""Roundhouse: a coordinator and four nodes of one slot; each job in a sandbox, its log kept, its end committed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from subprocess import Popen
from tempfile import TemporaryDirectory
from time import perf_counter

import psutil

from bench.jobs.child import AT_A_TIME, Times
from bench.programs import node_list, peak_mb, port_of, running
from client.api import Session
from client.jobs import Job
from roundhouse import connect

_PACKAGE = "rh_bench"
_SLOW = "import time; time.sleep(1)"
_WITH_PACKAGE = f"import {_PACKAGE}; print(1)"
_CACHED = 5  # jobs whose requirements are there
_WAIT_S = 120.0


class Nodes:
    """See `bench.jobs.child.System`."""

    def __init__(self, session: Session, level: str, programs: Mapping[str, Popen[str]], requirements: Path) -> None:
        self._session = session
        self._level = level
        self._programs = programs
        self._requirements = requirements
        jobs = [self._submit(_SLOW, requirements=requirements) for _ in range(AT_A_TIME)]  # one for each node
        for job in jobs:
            job.wait(_WAIT_S)
        self._idle = {
            f"{name}-idle-MB": psutil.Process(program.pid).memory_info().rss / 1e6 for name, program in programs.items()
        }

    def one(self, code: str, on_line: Callable[[str], None], *, requirements: Path | None = None) -> Times:
        started, first_s = perf_counter(), None
        job = self._submit(code, requirements=requirements)
        for record in job.logs(follow=True):
            if record.stream == "o":
                first_s = first_s or perf_counter() - started
                on_line(record.text)
        job.wait(_WAIT_S)
        return Times(first_s, perf_counter() - started)

    def many(self, code: str, number: int) -> float:
        started = perf_counter()
        jobs = [self._submit(code) for _ in range(number)]
        for job in jobs:
            job.wait(_WAIT_S)
        return perf_counter() - started

    def further(self) -> Mapping[str, float]:
        times = [
            self.one(_WITH_PACKAGE, lambda line: None, requirements=self._requirements).first_line_s
            for _ in range(_CACHED)
        ]
        peaks = {f"{name}-peak-MB": peak_mb(program.pid) for name, program in self._programs.items()}
        told = {name: peak for name, peak in peaks.items() if peak is not None}
        cached = 1000 * median(seconds for seconds in times if seconds is not None)
        return {"requirements-cached-first-line-ms": cached} | self._idle | told

    def _submit(self, code: str, requirements: Path | None = None) -> Job:
        return self._session.submit_script(
            code=code, requirements=requirements, sandbox=self._level, force_queue=True, timeout_s=_WAIT_S
        )


@contextmanager
def system(level: str = "bwrap") -> Iterator[Nodes]:
    """Start the programs; their jobs run at this level of sandbox."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-")))
        wheels = folder / "wheels"
        wheels.mkdir()
        _make_wheel(wheels)
        requirements = folder / "requirements.txt"
        requirements.write_text(f"{_PACKAGE}\n")
        command = ("compute_node.py", "0", "--allow-weak-sandbox", "--package-index", str(wheels))
        nodes = [stack.enter_context(running(*command)) for _ in range(AT_A_TIME)]
        listed = folder / "nodes.txt"
        listed.write_text(node_list([port_of(node) for node in nodes]))
        coordinator = stack.enter_context(running("coordinator.py", "0", "--nodes", str(listed), "--http-port", "off"))
        session = stack.enter_context(connect(f"127.0.0.1:{port_of(coordinator)}"))
        yield Nodes(session, level, {"coordinator": coordinator, "node": nodes[0]}, requirements)


def _make_wheel(folder: Path) -> None:
    """A package of one empty module."""
    info = f"{_PACKAGE}-1.0.dist-info"
    files = {
        f"{_PACKAGE}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {_PACKAGE}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{_PACKAGE}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
