"""A contest: child processes that run in turn, A B C A B C, one at a time, and what they measured."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bench.contestant import READY, Figures, keep_on_core
from bench.results import Results

ROOT = Path(__file__).resolve().parents[1]
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# These two steer OpenBLAS to other kernels than a user's machine would take.
_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_END_S = 15.0


class ContestantFailed(Exception):
    """A contestant ended, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do the work of a contest.

    Attributes:
        name: of its figures, for instance `core/A/jax`.
        command: module and arguments, run by this Python.
        needs: modules that must be installed.
        threads: how many it computes with; one thread is kept on one core.
        before: a command that runs this one, such as `unshare`.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    threads: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    timeout_s: float = 120.0


def hold(contestants: Sequence[Contestant], turns: int, results: Results) -> None:
    """Run every contestant `turns` times, in turn; a missing or failing one is named in the results."""
    with ExitStack() as stack:
        ready: list[Child] = []
        for contestant in contestants:
            if missing := [name for name in contestant.needs if find_spec(name) is None]:
                results.leave_out(contestant.name, f"not installed: {', '.join(missing)}")
                continue
            child = stack.enter_context(Child(contestant))
            try:
                child.wait_ready()
            except ContestantFailed as failure:
                results.fail(contestant.name, str(failure))
            else:
                child.pause()
                ready.append(child)
        _take_turns(ready, turns, results)
    results.keep()


def _take_turns(children: list[Child], turns: int, results: Results) -> None:
    for _ in range(turns):
        for child in list(children):
            try:
                figures = child.run()
            except ContestantFailed as failure:
                results.fail(child.contestant.name, str(failure))
                children.remove(child)
            else:
                results.add(child.contestant.name, figures)


class Child:
    """The process of one contestant; a context manager that ends it and all that it started."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self._process = subprocess.Popen(
            [*contestant.before, sys.executable, "-m", *contestant.command],
            cwd=ROOT,
            env=environment(contestant),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
            # Some libraries start as many threads as they see cores, whatever the variables say.
            preexec_fn=(lambda: keep_on_core(-1)) if contestant.threads == 1 else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        self._signal(signal.SIGCONT)
        with suppress(BrokenPipeError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        with suppress(ProcessLookupError):  # its group: whatever it started and left behind
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        self._log.close()

    def wait_ready(self) -> None:
        """Return when the contestant can run; raises ContestantFailed."""
        answer = self._answer()
        if answer != READY:
            raise ContestantFailed(f"said {answer!r} where it should be ready")

    def pause(self) -> None:
        """Let it and all that it started stand still: servers that wait for their turn use up to half a core."""
        self._signal(signal.SIGSTOP)

    def run(self) -> Figures:
        """Let it run once, and then stand still; raises ContestantFailed."""
        self._signal(signal.SIGCONT)
        try:
            return self._run()
        finally:
            self.pause()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._process.pid)
            for each in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(number)

    def _run(self) -> Figures:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, which its missing answer will say better
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
        figures: Figures = json.loads(self._answer())
        return figures

    def _answer(self) -> str:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], self.contestant.timeout_s)
        line = self._process.stdout.readline() if readable else ""
        if not line:
            raise ContestantFailed(f"did not answer: {self._last_words() or 'nothing on stderr'}")
        return line.rstrip("\n")

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        return lines[-1] if lines else ""


def environment(contestant: Contestant) -> dict[str, str]:
    """What a contestant finds around it: threads are set before it imports anything."""
    given = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return given | dict.fromkeys(_THREAD_VARIABLES, str(contestant.threads)) | dict(contestant.environment)
