"""What a node has for script jobs: folders, sandboxes, environments; and a box made ready for each job."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from compute_node.kept_blobs import KeptBlobs
from compute_node.scripts.artifacts import printable
from compute_node.scripts.box import Box, Level
from compute_node.scripts.bundle import holds, unpack
from compute_node.scripts.cgroups import Parents
from compute_node.scripts.dockerfile import NAME as DOCKERFILE
from compute_node.scripts.environments import Environment, Environments
from compute_node.scripts.image_order import Order
from compute_node.scripts.interpreters import HERE, Interpreter
from compute_node.scripts.levels import Sandboxes
from compute_node.scripts.probing import node_python
from compute_node.scripts.requirements import Requirements, read_requirements
from compute_node.scripts.room import limits_of
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.stopping import StopSign
from rpc.archive_limits import DATASET
from rpc.archives import check_folders
from rpc.blobs import BlobFolder
from rpc.errors import BadBundle, BadRequest, RejectReason, TaskRejected
from rpc.messages import ScriptSpec, ScriptTask

if TYPE_CHECKING:
    from compute_node.scripts.bundle_images import BundleImages
    from compute_node.scripts.images import Images, Say

_UNFIT = re.compile(r"[^a-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Workshop:
    """Shared by all jobs of a node.

    Attributes:
        folder: where each job has a folder of its own.
        logs: where each job has its log.
        artifacts: where each job has what it has left.
        blobs: bundles and data sets.
        kept: keeps them while a job begins.
        parents: where control groups are made.
        settings: what the node's owner says.
        node: whose containers they are.
        images: for the sandbox `docker`, where that works.
        bundle_images: where bundles' own Dockerfiles are built.
        gpu_memory: bytes that the job of a JOB_NAME holds on GPUs.
    """

    folder: Path
    logs: Path
    artifacts: Path
    blobs: BlobFolder
    kept: KeptBlobs
    sandboxes: Sandboxes
    environments: Environments
    settings: ScriptSettings = field(default_factory=ScriptSettings)
    parents: Parents | None = None
    node: str = ""
    images: Images | None = None
    bundle_images: BundleImages | None = None
    gpu_memory: Callable[[str], int] = lambda job: 0

    def level_for(self, spec: ScriptSpec) -> Level:
        """The sandbox that a job runs in here.

        Raises:
            BadRequest: there is no such level.
            TaskRejected: not on this node.
        """
        try:
            asked = Level(spec.sandbox) if spec.sandbox else None
        except ValueError as error:
            levels = ", ".join(Level)
            raise BadRequest(f"there is no sandbox {spec.sandbox[:50]!r}; it must be {levels}") from error
        if spec.network == "full" and not self.settings.allow_network:
            text = "this node's operator lets no job have the network (--allow-network would)"
            raise TaskRejected(RejectReason.OPERATOR, text)
        named = [name for name in ("memory_bytes", "cpus", "pids", "disk_bytes") if getattr(spec, name)]
        if self._may_build(spec) and holds(self.blobs.file(spec.bundle.blob), DOCKERFILE):
            return self.sandboxes.choose(Level.DOCKER, limits=named, builds=True)
        return self.sandboxes.choose(asked, image=spec.image, limits=named)

    @contextmanager
    def box(
        self, task: ScriptTask, level: Level, say: Say, stop: StopSign, *, gpus: tuple[int, ...] = ()
    ) -> Iterator[Box]:
        """The job's box, with its bundle unpacked, its image there and its environment built; on a thread.

        Raises:
            Cancelled: `stop` was given meanwhile.
            BadBundle: the bundle, or its requirements, are not what they must be.
            SetupFailed: the requirements cannot be installed, or the image cannot be had.
            TaskRejected: the node's operator does not want them installed, or the image fetched.
            OSError: the disk is full, say.
        """
        spec = task.spec
        folder = self.folder / name_of(task)
        work = folder / "bundle"
        work.mkdir(parents=True)
        check_folders(unpack(self.blobs.file(spec.bundle.blob), work), [file.file for file in spec.datasets])
        check_main(spec.main, work)
        with self._image(spec, work, say, stop) as image:
            interpreter = HERE
            if level is Level.DOCKER:
                assert self.images is not None
                interpreter = self.images.interpreter(image, say, stop)
            requirements = _requirements(spec, work, interpreter)
            requirements.check(self.settings.policy)
            datasets = self._datasets(spec, folder)
            with self.environments.use(requirements, stop) as environment:
                yield Box(
                    name=folder.name,
                    folder=str(folder),
                    argv=(str(environment.python), spec.main, *spec.arguments),
                    env={**(self.settings.variables if level is Level.DOCKER else {}), **spec.env, "JOB_ID": task.job},
                    limits=limits_of(spec, self.settings),
                    network=spec.network == "full",
                    read_only=_needed(interpreter, environment),
                    datasets=datasets,
                    image=interpreter.image,
                    gpus=gpus,
                    volumes=self.settings.volumes if level is Level.DOCKER else (),
                )

    def _datasets(self, spec: ScriptSpec, folder: Path) -> dict[str, str]:
        """Where each data set is, unpacked."""
        found = {}
        for file in spec.datasets:
            found[file.file] = str(folder / "datasets" / file.file)
            Path(found[file.file]).mkdir(parents=True)
            unpack(self.blobs.file(file.blob), Path(found[file.file]), DATASET)
        return found

    def _may_build(self, spec: ScriptSpec) -> bool:
        """Whether the job's image would be that of its Dockerfile, if it has one."""
        return self.bundle_images is not None and not spec.image and spec.sandbox in ("", Level.DOCKER)

    @contextmanager
    def _image(self, spec: ScriptSpec, work: Path, say: Say, stop: StopSign) -> Iterator[str]:
        """The image that a job runs in, where it runs in one."""
        if (work / DOCKERFILE).is_file() and not self._may_build(spec):
            say(f"the bundle's {DOCKERFILE} is not used: {self._why_not_built(spec)}")
        elif (work / DOCKERFILE).is_file():
            assert self.bundle_images is not None
            order = Order(spec.bundle.blob, work, limits_of(spec, self.settings), network=spec.network == "full")
            with self.bundle_images.use(order, say, stop) as image:
                yield image
            return
        yield spec.image or self.settings.image

    def _why_not_built(self, spec: ScriptSpec) -> str:
        if not self.settings.build_images:
            return "this node's operator has to allow it (--build-images)"
        if self.bundle_images is None:
            return "no container engine works on this node"
        return "the job asks for an image or a sandbox itself"


def _needed(interpreter: Interpreter, environment: Environment) -> tuple[str, ...]:
    """The folders of the node that a program needs to run."""
    _, of_the_node = node_python()
    own = () if environment.folder is None else (str(environment.folder),)
    return own if interpreter.image else (*of_the_node, *own)


def name_of(task: ScriptTask) -> str:
    """A name for an attempt that paths, groups and containers may have."""
    return f"{_UNFIT.sub('-', task.job.lower())[:60]}-{task.fence}".lstrip("._-")


def check_main(main: str, work: Path) -> None:
    """Raise BadBundle unless the program is a file of the bundle."""
    parts = main.split("/")
    if not main or any(part in ("", ".", "..") for part in parts):
        raise BadBundle(f"the program {printable(main)!r} is no path inside the bundle; --main names it")
    if not os.path.isfile(work.joinpath(*parts)):
        found = ", ".join(sorted(printable(file.name) for file in work.glob("*.py"))[:5]) or "no .py file at its top"
        raise BadBundle(f"the bundle has no {printable(main)}; --main names the program (it has {found})")


def _requirements(spec: ScriptSpec, work: Path, interpreter: Interpreter) -> Requirements:
    none = Requirements(interpreter=interpreter)
    parts = spec.requirements.split("/")
    if not spec.requirements:
        return none
    if any(part in ("", ".", "..") for part in parts):
        raise BadBundle(f"{printable(spec.requirements)!r} is no path inside the bundle; --requirements names the file")
    file = work.joinpath(*parts)
    return read_requirements(file.read_bytes(), spec.requirements, interpreter) if file.is_file() else none
