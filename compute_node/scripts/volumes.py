"""Folders of a node that its containers may see: which would give a job the node itself, and are refused."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

from compute_node.scripts.box import Volume
from rpc.errors import BadRequest

# Inside of a container: where the job has its own folders, and the kernel's.
_TAKEN = ("/job", "/tmp", "/proc", "/sys", "/dev", "/.roundhouse-init.py")


def check_volumes(volumes: Sequence[Volume], *, engine: str, kept: str | None) -> None:
    """Return if jobs may see these, whoever sends them.

    Args:
        engine: the URL of the container engine.
        kept: the folder where the node keeps everything, its key among it; None: a temporary one.

    Raises:
        BadRequest: one gives away the machine, the engine or the node, or is in the way of a job's own folders.
    """
    for number, volume in enumerate(volumes):
        if reason := _why_not(volume, engine, kept) or _why_not_inside(volume, volumes[:number]):
            raise BadRequest(f"--docker-volume {volume}: {reason}")


def _why_not(volume: Volume, engine: str, kept: str | None) -> str:
    if not os.path.exists(volume.source):
        return f"{volume.source} is not on this machine"
    source = os.path.realpath(volume.source)  # a link leads where it leads when a container starts, too
    if source == "/":
        return "a job would see the whole machine; name the folder that it needs"
    if engine.startswith("unix://") and _holds(source, os.path.realpath(engine.removeprefix("unix://"))):
        return "the container engine's socket is in it: who may use that is root"
    folder = os.path.realpath(kept or tempfile.gettempdir())
    if _holds(source, folder) or (kept and _holds(folder, source)):
        return f"the node keeps its key and what it was sent in {folder}"
    return ""


def _why_not_inside(volume: Volume, others: Sequence[Volume]) -> str:
    if any(_holds(volume.inside, place) or _holds(place, volume.inside) for place in _TAKEN):
        return f"in a container {volume.inside} is taken; choose another place"
    if any(volume.inside == other.inside for other in others):
        return f"there is another one for {volume.inside}"
    return ""


def _holds(folder: str, path: str) -> bool:
    """Whether a path is a folder's, or below it."""
    return folder == "/" or path == folder or path.startswith(f"{folder}/")
