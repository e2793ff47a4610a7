"""Python environments of script jobs, kept by the digest of their requirements: each is built once on a node."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

from compute_node.cache import Kept
from compute_node.scripts.interpreters import Interpreter
from compute_node.scripts.packages import (
    PackageSource,
    command_of_an_environment,
    command_of_an_installation,
    python_of,
    variables_of_a_build,
)
from compute_node.scripts.requirements import Requirements
from compute_node.scripts.stopping import StopSign
from compute_node.scripts.trees import disk_bytes, remove_tree
from rpc.errors import SetupFailed
from rpc.folder_lock import FolderLock

DEFAULT_TIMEOUT_S = 1800.0
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MARK = "whole.json"
_LAST_LINES = 8


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        status: its exit status; None: it was stopped because its time was over.
        output: what it has written, or the end of that.
    """

    status: int | None
    output: str


class Run(Protocol):
    """Runs a command with these variables, in this folder, for so many seconds at most.

    A sandbox must let it write to the folder, and read the node's installation of Python and the folder of the
    PackageSource.
    """

    def __call__(
        self, argv: Sequence[str], variables: Mapping[str, str], folder: Path, timeout_s: float, /, *, stop: StopSign,
        image: str,
    ) -> Ended:  # fmt: skip
        """Return how it ended, here or in a container of the image; raises Cancelled when the sign was given."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a job runs in.

    Attributes:
        python: the interpreter.
        folder: what the job must be able to read besides the node's installation of Python; None: nothing.
    """

    python: Path
    folder: Path | None = None


class Environments:
    """The environments in one folder, for whatever interpreters; any number of threads of one process may use it.

    They are a shelf of the node's cache.
    """

    def __init__(
        self,
        folder: Path,
        run: Run,
        source: PackageSource,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Open a folder, making it if need be; what an earlier process left unfinished is removed.

        Args:
            timeout_s: of one command of a build.

        Raises:
            TrainerError: another process uses the folder, or it cannot be made or written to.
        """
        self._folder = folder
        self._run = run
        self._source = source
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._users: Counter[str] = Counter()
        self._builds: dict[str, Future[None]] = {}
        self._held = FolderLock(folder)
        self._sizes = _read_marks(folder)  # bytes by digest
        for path in folder.iterdir():
            if path.is_dir() and path.name not in self._sizes:
                remove_tree(path)

    def close(self) -> None:
        """Leave the folder to other processes."""
        self._held.release()

    def kept(self) -> list[Kept]:
        with self._lock:
            sizes, users = dict(self._sizes), self._users.copy()
        found = []
        for digest, size in sizes.items():
            with suppress(FileNotFoundError):  # somebody has removed it
                found.append(Kept(digest, size, self._mark(digest).stat().st_mtime, users[digest] > 0))
        return found

    def drop(self, name: str) -> None:
        doomed = Path(tempfile.mkdtemp(prefix="dropped-", dir=self._folder))
        with self._lock:
            if not self._users[name]:
                self._path(name).rename(doomed / name)  # at once, so that nobody takes it while it is removed
                del self._sizes[name]
        remove_tree(doomed)

    @contextmanager
    def use(self, requirements: Requirements, stop: StopSign | None = None) -> Iterator[Environment]:
        """The environment with these requirements, built if it is not there; it stays as long as the context lasts.

        Who asks for one that is being built waits for it. `stop` ends the waiting, and a build that nobody else is
        behind; else another one goes on with it from the start.

        Raises:
            Cancelled: `stop` was given.
            SetupFailed: pip cannot install them; has the end of what it said.
        """
        if not requirements.lines:
            # The node's own: with what its operator has installed (NumPy always, PyTorch on a GPU node), at once. With
            # requirements a job gets those alone: the same on every node, and no clash with the node's own versions.
            yield Environment(Path(requirements.interpreter.program))
            return
        digest = requirements.digest
        with self._lock:
            self._users[digest] += 1
        try:
            self._make_sure(digest, requirements, stop or StopSign())
            self._note_use(digest)
            yield Environment(python_of(self._path(digest)), self._path(digest))
        finally:
            with self._lock:
                self._users[digest] -= 1

    def _path(self, digest: str) -> Path:
        return self._folder / digest

    def _mark(self, digest: str) -> Path:
        return self._path(digest) / _MARK

    def _make_sure(self, digest: str, requirements: Requirements, stop: StopSign) -> None:
        while True:
            stop.check()
            with self._lock:
                if self._mark(digest).exists():
                    return
                others = self._builds.get(digest)
                if others is None:
                    mine = self._builds[digest] = Future()
            if others is None:
                self._carry_out(mine, digest, requirements, stop)
                continue
            stop.wait_beside(others)
            try:
                others.result()
            except CancelledError:
                continue  # who built it was stopped, which is no reason for this one not to have it
            except SetupFailed as error:
                raise SetupFailed(str(error)) from error

    def _carry_out(self, build: Future[None], digest: str, requirements: Requirements, stop: StopSign) -> None:
        """Build an environment, and tell those that wait how it went."""
        try:
            size = self._make(self._path(digest), requirements, stop)
        except BaseException as error:
            if self._path(digest).exists():
                remove_tree(self._path(digest))
            with self._lock:
                del self._builds[digest]
            # Not `cancel`, of which `concurrent.futures.wait` never hears.
            build.set_exception(error if isinstance(error, SetupFailed) else CancelledError())
            raise
        with self._lock:
            self._mark(digest).write_text(json.dumps({"requirements": requirements.lines, "bytes": size}))
            self._sizes[digest] = size
            del self._builds[digest]
        build.set_result(None)

    def _note_use(self, digest: str) -> None:
        os.utime(self._mark(digest))  # which also tells the next process

    def _make(self, environment: Path, requirements: Requirements, stop: StopSign) -> int:
        """Make an environment where it stays; return its size in bytes. It is taken for whole only once it is marked.

        Not under another name, to be renamed at the end: the programs in its bin/ have its path in their first line.
        """
        if environment.exists():
            remove_tree(environment)  # somebody has removed its mark
        interpreter = requirements.interpreter
        scratch = environment / "scratch"
        scratch.mkdir(parents=True)
        listed = scratch / "requirements.txt"
        listed.write_text("\n".join(requirements.lines) + "\n")
        self._do(command_of_an_environment(environment, interpreter.program), environment, interpreter, stop)
        self._do(command_of_an_installation(environment, listed, self._source), environment, interpreter, stop)
        remove_tree(scratch)
        return disk_bytes(environment)

    def _do(self, command: list[str], environment: Path, interpreter: Interpreter, stop: StopSign) -> None:
        variables = variables_of_a_build(self._source, environment / "scratch")
        ended = self._run(command, variables, environment, self._timeout_s, stop=stop, image=interpreter.image)
        if ended.status == 0:
            return
        how = f"status {ended.status}" if ended.status is not None else f"stopped after {self._timeout_s:g} s"
        lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
        said = " / ".join(lines[-_LAST_LINES:]) or "no output"
        raise SetupFailed(f"the requirements cannot be installed ({how}): {said}")


def _read_marks(folder: Path) -> dict[str, int]:
    """The sizes of the whole environments."""
    sizes = {}
    for mark in folder.glob(f"*/{_MARK}"):
        if not _DIGEST.fullmatch(mark.parent.name):
            continue
        try:
            sizes[mark.parent.name] = int(json.loads(mark.read_bytes())["bytes"])
        except ValueError:  # the machine lost its power before all of it was on the disk
            continue
    return sizes
