"""Jobs that tests start and look at from outside, as a node does."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from compute_node.scripts.box import Box, Level, Limits
from compute_node.scripts.cgroups import Parents, find_parents
from compute_node.scripts.guard import Guard
from compute_node.scripts.orders import Ended, News, Start
from compute_node.scripts.probing import node_python
from compute_node.scripts.trees import remove_tree

PATIENCE_S = 30.0
NODE = "tests"

Kind = TypeVar("Kind", bound=News)


class Job:
    """One job: its output and news as they come."""

    def __init__(self, start: Start) -> None:
        self.box = start.box
        self.output = b""
        self.errors = b""
        self._news: list[News] = []
        out, out_writer = os.pipe()
        err, err_writer = os.pipe()
        self.guard = Guard(start, stdout=out_writer, stderr=err_writer)
        for fd in (out_writer, err_writer):
            os.close(fd)
        self._sources: list[Any] = [self.guard, out, err]
        self._out = out
        self._is_closed = False

    @property
    def out(self) -> Path:
        """What the job leaves."""
        return Path(self.box.out)

    def next(self, kind: type[Kind]) -> Kind:
        """Wait for news of this kind."""
        while True:
            for news in self._news:
                if isinstance(news, kind):
                    self._news.remove(news)
                    return news
            assert self.guard in self._sources, (
                f"the watchdog ended without {kind.__name__}: {self._news} {self.errors!r}"
            )
            self._take()

    def wait_for(self, words: bytes) -> None:
        """Wait until the job has printed this."""
        while words not in self.output:
            assert self._out in self._sources, f"not printed: {words!r} in {self.output!r} {self.errors!r} {self._news}"
            self._take()

    def take_all(self) -> None:
        """Wait until all of its output is there, and the watchdog has ended."""
        while self._sources:
            self._take()

    def end(self) -> Ended:
        """Wait for the end, and for the last of the output."""
        ended = self.next(Ended)
        self.take_all()
        return ended

    def is_alive(self) -> bool:
        """Whether a process of the job still runs."""
        return bool({*processes_with(self.box.name)} - {self.guard.pid})

    def close(self) -> None:
        """Let go of it, as a node does that ends."""
        if self._is_closed:
            return
        self._is_closed = True
        if self.guard in self._sources:
            self._sources.remove(self.guard)
        self.guard.close()
        for fd in self._sources:
            os.close(fd)
        self._sources.clear()

    def _take(self) -> None:
        ready, _, _ = select.select(self._sources, [], [], PATIENCE_S)
        assert ready, f"nothing for {PATIENCE_S} s; so far {self.output!r} {self.errors!r} {self._news}"
        for source in ready:
            if source is self.guard:
                if (news := self.guard.read()) is None:
                    self._sources.remove(source)
                self._news += news or []
            elif data := os.read(source, 65536):
                if source == self._out:
                    self.output += data
                else:
                    self.errors += data
            else:
                os.close(source)
                self._sources.remove(source)


class Jobs:
    """Starts jobs at one level; ends those that are left."""

    def __init__(self, level: Level, folder: Path, engine: str = "", parents: Parents | None = None) -> None:
        self.level = level
        self.folder = folder
        self.engine = engine
        self.parents = find_parents() if parents is None else parents
        self._started: list[Job] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for job in self._started:
            job.close()
            remove_tree(Path(job.box.folder))  # pytest cannot, where a job has made a thousand folders in each other

    def box(self, code: str, **settings: Any) -> Box:
        """A box for a program, in a folder of its own."""
        name = f"job-{os.getpid()}-{self.level}-{len([*self.folder.iterdir()])}"
        bundle = self.folder / name / "bundle"
        bundle.mkdir(parents=True)
        (bundle / "main.py").write_text(code)
        python, read_only = node_python()
        if self.level is Level.DOCKER and "image" in settings:
            python, read_only = settings.pop("python", "python3"), ()
        elif self.level is Level.DOCKER:
            from compute_node.scripts.engine import bare_image  # not installed where a test is not root

            python, read_only = "python3", ("/usr",)
            settings["image"] = bare_image(self.engine)
        more = settings.pop("read_only", ())
        arguments: tuple[str, ...] = settings.pop("arguments", ())
        argv = (python, "main.py", *arguments)
        return Box(name, str(bundle.parent), argv, read_only=(*read_only, *more), **settings)

    def start(self, code: str, *, lease_s: float = 60.0, **settings: Any) -> Job:
        """Start a program."""
        return self.start_box(self.box(code, **settings), lease_s=lease_s)

    def start_box(self, box: Box, *, lease_s: float = 60.0) -> Job:
        start = Start(box, self.level, self.parents, engine=self.engine, lease_s=lease_s, node=NODE)
        self._started.append(Job(start))
        return self._started[-1]

    def run(self, code: str, *, limits: Mapping[str, float] | None = None, **settings: Any) -> tuple[Ended, Job]:
        """Run a program to its end."""
        job = self.start(code, limits=Limits(**limits or {}), **settings)  # type: ignore[arg-type]
        return job.end(), job


def processes_with(mark: str) -> list[int]:
    """Processes, of whatever user and namespace, that have `mark` in their arguments or variables; not this one.

    Nor what watches a container for Podman: it is told the container's name, and ends a moment after it.
    """
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and not _is_conmon(name):
            for file in ("cmdline", "environ"):
                try:
                    if mark.encode() in Path("/proc", name, file).read_bytes() and int(name) != os.getpid():
                        found.append(int(name))
                        break
                except OSError:
                    continue
    return found


def _is_conmon(pid: str) -> bool:
    try:
        return Path(os.readlink(f"/proc/{pid}/exe")).name == "conmon"
    except OSError:  # it has ended
        return False


def assert_gone(mark: str, within_s: float, but: int = 0) -> None:
    """Fail if a process with the mark lives on, but for one."""
    deadline = monotonic() + within_s
    while left := {*processes_with(mark)} - {but}:
        assert monotonic() < deadline, [Path("/proc", str(pid), "status").read_text()[:200] for pid in left]
