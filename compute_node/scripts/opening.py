"""The workshop of a node, opened when it starts: what an earlier process left is ended, the sandboxes are tried."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from compute_node.kept_blobs import KeptBlobs
from compute_node.scripts import kernel
from compute_node.scripts.box import Level
from compute_node.scripts.building import Builder
from compute_node.scripts.cgroups import Parents, find_parents, settle
from compute_node.scripts.environments import Environments
from compute_node.scripts.levels import LevelReport, Sandboxes
from compute_node.scripts.packages import PackageSource, folder_source, index_source
from compute_node.scripts.probing import probe
from compute_node.scripts.reaping import reap_all
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.trees import remove_tree
from compute_node.scripts.workshop import Workshop
from rpc.blobs import BlobFolder
from rpc.private_folder import make as make_private

if TYPE_CHECKING:
    from compute_node.scripts.bundle_images import BundleImages
    from compute_node.scripts.images import Images

logger = logging.getLogger(__name__)

_LOGS, _ARTIFACTS = "job-logs", "job-artifacts"


def clear(folder: Path) -> None:
    """End all jobs that an earlier process of this node has left, and drop what is left of them.

    Before the node says hello: whatever it does not name there is taken for dead.
    """
    jobs = folder / "jobs"
    jobs.mkdir(parents=True, exist_ok=True)
    alive = reap_all(jobs)
    for name in alive:
        logger.error("job %s of an earlier start cannot be ended; end it by hand", name)
    for path in jobs.iterdir():
        if path.is_dir() and path.name not in alive:
            remove_tree(path)
    for name in (_LOGS, _ARTIFACTS):
        shutil.rmtree(folder / name, ignore_errors=True)
        make_private(folder / name)


def open_workshop(
    folder: Path,
    blobs: BlobFolder,
    settings: ScriptSettings,
    node: str,
    *,
    kept: KeptBlobs,
    gpu_memory: Callable[[str], int],
) -> Workshop:
    """Try each sandbox and open the cache of environments; takes about a second.

    Args:
        node: a name for this node that no other one on the machine has.

    Raises:
        TrainerError: the folder of the environments cannot be used.
    """
    kernel.forbid_tracing()  # where jobs run as the node's own user, its memory and variables are closed to them
    parents = _parents()
    jobs = folder / "jobs"
    sandboxes = Sandboxes(_reports(jobs, parents, settings), settings.image, settings.allow_weak, settings.pull)
    source = _packages(settings.package_index)
    builder = Builder(jobs, sandboxes, settings, parents=parents, source=source, node=node)
    environments = Environments(folder / "environments", builder, source)
    images = _images(settings, sandboxes, builder)
    bundle_images = _bundle_images(folder / "images", settings, sandboxes, builder, images)
    return Workshop(
        jobs, folder / _LOGS, folder / _ARTIFACTS, blobs, kept, sandboxes, environments, settings, parents, node,
        images, bundle_images, gpu_memory,
    )  # fmt: skip


def try_sandboxes(folder: Path, settings: ScriptSettings) -> dict[Level, LevelReport]:
    """Try each sandbox in an empty folder, as a node does when it starts."""
    return _reports(folder, _parents(), settings)


def offered(sandboxes: Sandboxes) -> list[str]:
    """The levels at which jobs are taken, the usual one first."""
    usual = Level.DOCKER if sandboxes.image else Level.BWRAP
    levels = [level for level, report in sandboxes.reports.items() if report.works]
    return [str(level) for level in sorted(levels, key=lambda level: (level is not usual, list(Level).index(level)))]


def _images(settings: ScriptSettings, sandboxes: Sandboxes, builder: Builder) -> Images | None:
    report = sandboxes.reports.get(Level.DOCKER)
    if report is None or not report.works:
        return None
    from compute_node.scripts.images import Images  # its libraries take a third of a second to load

    return Images(settings.engine, settings.pull, builder)


def _bundle_images(
    folder: Path, settings: ScriptSettings, sandboxes: Sandboxes, builder: Builder, images: Images | None
) -> BundleImages | None:
    if images is None or not settings.build_images:
        return None
    from compute_node.scripts.bundle_images import BundleImages

    return BundleImages(folder, settings.engine, images, builder=builder, sandboxes=sandboxes)


def _packages(index: str) -> PackageSource:
    """Where requirements come from."""
    return folder_source(Path(index)) if index and "://" not in index else index_source(os.environ, index)


def _parents() -> Parents:
    parents = find_parents()
    try:
        settle(parents)
    except OSError as error:
        logger.info("no control groups for jobs: %s", error)
    return parents


def _reports(jobs: Path, parents: Parents, settings: ScriptSettings) -> dict[Level, LevelReport]:
    wanted, needs_engine = [Level.BWRAP], bool(settings.image) or settings.build_images
    if needs_engine or _is_there(settings.engine):
        wanted.append(Level.DOCKER)
    if settings.allow_weak:
        wanted.append(Level.RLIMITS)
    reports = {}
    for level in wanted:
        engine = settings.engine if level is Level.DOCKER else ""
        reports[level] = probe(level, jobs, parents, engine=engine)
        is_missed = level is Level.DOCKER and needs_engine and not reports[level].works
        logger.log(logging.WARNING if is_missed else logging.INFO, "%s", reports[level])
    return reports


def _is_there(engine: str) -> bool:
    """Whether a container engine may answer at this URL."""
    return bool(engine) and (not engine.startswith("unix://") or Path(engine.removeprefix("unix://")).exists())
