"""A node's private folders, opened to its job alone: its Python may well lie in a home that is closed to others.

A path of which some folder is closed is shown by covering that folder, in this process's own view of the file
system, with an empty one that holds nothing but the path. So the rest of that folder is hidden from the job, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from compute_node.scripts import kernel
from compute_node.scripts.kernel import Mount


def show(paths: Iterable[str]) -> None:
    """Let any user reach `paths` from this process on, and nothing else beside them.

    Raises:
        OSError: this process may not mount.
    """
    closed: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        if (cover := _closed_folder(path)) is not None:
            closed.setdefault(cover, []).append(path)
    if not closed:
        return
    kernel.own_mounts()
    for cover, hidden in closed.items():
        opened = [(path, os.open(path, os.O_PATH)) for path in hidden]
        kernel.mount("tmpfs", cover, Mount.NOSUID | Mount.NODEV, kind="tmpfs", options="mode=755,size=1m")
        for path, source in opened:
            _bind(f"/proc/self/fd/{source}", path, is_folder=os.path.isdir(f"/proc/self/fd/{source}"))
            os.close(source)


def _bind(source: str, target: str, *, is_folder: bool) -> None:
    if os.path.lexists(target):
        return  # it lies in a folder that has just been shown
    os.makedirs(target if is_folder else os.path.dirname(target), mode=0o755, exist_ok=True)
    if not is_folder:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(source, target, Mount.BIND | Mount.REC)


def _closed_folder(path: str) -> str | None:
    """The topmost folder above `path` that others may not pass."""
    above = ""
    for name in path.split("/")[1:-1]:
        above = f"{above}/{name}"
        if not os.stat(above).st_mode & 0o001:
            return above
    return None
