"""The steps of an installation, each in a sandbox: a package's author is no more trusted than the author of a job."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Any

from compute_node.scripts import image_steps, interpreter_facts, orders
from compute_node.scripts.box import GIB, Box, Level, Limits
from compute_node.scripts.cgroups import Parents
from compute_node.scripts.environments import Ended
from compute_node.scripts.interpreters import IN_AN_IMAGE
from compute_node.scripts.levels import Sandboxes
from compute_node.scripts.orders import NoStart, Start
from compute_node.scripts.packages import PIP, PackageSource
from compute_node.scripts.probing import node_python
from compute_node.scripts.reaping import reap
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.short_job import run_to_end
from compute_node.scripts.stopping import StopSign
from compute_node.scripts.trees import remove_tree

_KEPT_BYTES = 64 << 10  # of the output, its end
_LATE_S = 30.0  # that the sandbox may take on top
_FACTS_S = 30.0
_FILES = ("PIP_CERT", "SSL_CERT_FILE")  # variables that name a file which pip must read
# The largest wheels have gigabytes, in tens of thousands of files.
_LIMITS = Limits(memory_bytes=4 * GIB, cpus=2.0, pids=256, disk_bytes=16 * GIB, files=400_000, file_bytes=8 * GIB)

NOTHING: Mapping[str, str] = MappingProxyType({})


def unheard(data: bytes) -> None:
    """What is written is of interest at the end alone."""


class Builder:
    """Runs commands as `environments.Run` asks, in the strongest sandbox that the node has."""

    def __init__(
        self, jobs: Path, sandboxes: Sandboxes, settings: ScriptSettings, *, parents: Parents, source: PackageSource,
        node: str,
    ) -> None:  # fmt: skip
        self._jobs = jobs
        self._sandboxes = sandboxes
        self._settings = settings
        self._parents = parents
        self._source = source
        self._node = node

    def __call__(
        self,
        argv: Sequence[str],
        variables: Mapping[str, str],
        folder: Path,
        timeout_s: float,
        *,
        stop: StopSign,
        image: str = "",
    ) -> Ended:
        """Run a command that fills `folder`; nothing of it lives when this returns, and the folder is the node's.

        Raises:
            Cancelled: the sign was given.
        """
        needed = (str(PIP),) if image else node_python()[1]
        files = [os.path.abspath(variables[name]) for name in _FILES if variables.get(name)]
        wheels = [] if self._source.folder is None else [str(self._source.folder)]
        return self._run(
            stop,
            argv=tuple(argv),
            env=variables,
            limits=replace(_LIMITS, time_s=timeout_s),
            network=self._source.folder is None,
            read_only=(*needed, *files, *wheels),
            writable=(str(folder),),
            image=image,
        )

    def facts_of(self, image: str, stop: StopSign) -> Ended:
        """Have the Python of an image tell what it is."""
        file = str(Path(interpreter_facts.__file__))
        limits = Limits(time_s=_FACTS_S)
        return self._run(stop, argv=(IN_AN_IMAGE, "-I", file), limits=limits, read_only=(file,), image=image)

    def build_image(
        self, steps: Sequence[Mapping[str, Any]], stop: StopSign, hear: Callable[[bytes], None], **settings: Any
    ) -> Ended:
        """Take the steps of a Dockerfile in a container, of which its `Box.builds` is made.

        Args:
            hear: is told all that they write, as it comes.
            settings: of the box.

        Raises:
            Cancelled: the sign was given.
        """
        files = {"main.py": Path(image_steps.__file__).read_text(), "plan.json": json.dumps(steps)}
        argv = (IN_AN_IMAGE, "-I", "-S", "main.py")
        return self._run(stop, argv=argv, files=files, hear=hear, **settings)

    def _run(
        self, stop: StopSign, *, files: Mapping[str, str] = NOTHING, hear: Callable[[bytes], None] = unheard,
        **settings: Any,
    ) -> Ended:  # fmt: skip
        """Run what a box with these settings holds, to its end, with these files in its folder."""
        own = Path(mkdtemp(prefix="build-", dir=self._jobs))
        try:
            (own / "bundle").mkdir()
            for file, text in files.items():
                (own / "bundle" / file).write_text(text)
            name = own.name.lower().replace("_", "-")
            return self._run_box(Box(name=name, folder=str(own), **settings), stop, hear)
        finally:
            if reap(own):
                remove_tree(own)

    def _run_box(self, box: Box, stop: StopSign, hear: Callable[[bytes], None]) -> Ended:
        settings, level = self._settings, Level.DOCKER if box.image else self._level()
        timeout_s = box.limits.time_s or 0.0
        lease_s = timeout_s + 2 * _LATE_S
        start = Start(box, level, self._parents, engine=settings.engine, lease_s=lease_s, node=self._node)
        words, news = run_to_end(start, timeout_s + _LATE_S, _KEPT_BYTES, stop, hear=hear)
        stop.check()
        match news:
            case [*_, orders.Ended(cause="limit:time")]:
                return Ended(None, words)
            case [*_, orders.Ended(exit_status=status, cause=cause)]:
                return Ended(status or int(bool(cause)), f"{words}\n{cause}".strip())
            case [*_, NoStart(reason)]:
                return Ended(1, f"{words}\n{reason}".strip())
        return Ended(None, words)

    def _level(self) -> Level:
        """For the node's own Python, which no image fits: the weak sandbox comes last."""
        reports = self._sandboxes.reports
        order = (Level.BWRAP, Level.RLIMITS)
        return next((level for level in order if level in reports and reports[level].works), Level.BWRAP)
