"""The folder of a job: who may use what of it, and how full it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from compute_node.scripts.box import Box

_DEEPEST = 64  # folders in folders; a job's own names may not exhaust whoever looks after it


def lay_out(box: Box, uid: int | None, *, links: bool) -> None:
    """Make what the folder lacks, and give the job's parts to the user `uid` (None: they stay ours).

    Called before anything of the job runs: nothing in there can change meanwhile.

    Args:
        links: `out` and the data sets are to be links in the bundle, not empty folders for others to be mounted on.

    Raises:
        OSError: the folder or the bundle is not there, or the bundle has a file where a folder must be.
    """
    inner = f"{box.work}/out"
    if os.path.isdir(inner) and not os.path.lexists(box.out):
        os.rename(inner, box.out)  # what the bundle brings in out/ is there from the start
    for folder in (box.out, box.tmp, *([f"{box.work}/data"] if box.datasets else [])):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    seen = {inner: box.out, **{f"{box.work}/data/{name}": path for name, path in box.datasets.items()}}
    for place, path in seen.items():
        if links:
            os.symlink(path, place)
        else:
            os.makedirs(place, mode=0o700, exist_ok=True)
    if uid is not None:
        _give(box, uid)


def _give(box: Box, uid: int) -> None:
    # Others may pass through, not list: the parts themselves are closed to them.
    os.chmod(box.folder, 0o711)
    for part in (box.work, box.out, box.tmp):
        for _, folders, files, fd in os.fwalk(part):
            os.fchown(fd, uid, uid)
            for name in (*folders, *files):
                os.chown(name, uid, uid, dir_fd=fd, follow_symlinks=False)
        os.chmod(part, 0o700)


def take_back(box: Box) -> None:
    """Close the folder to the user that had it, who may soon be another job."""
    with suppress(OSError):
        os.chmod(box.folder, 0o700)


def clear_away(folder: str) -> None:
    """Remove the folder of a job that is over, with all that it has made: however deep, and whatever it has closed.

    `shutil.rmtree` gives up below a thousand folders in each other; so inner folders are first lifted to the top.

    Raises:
        OSError: something cannot be removed.
    """
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        numbers = count()
        while names := os.listdir(top):
            for name in names:
                _remove_from(top, name, numbers)
    finally:
        os.close(top)
    os.rmdir(folder)


def _remove_from(top: int, name: str, numbers: Iterator[int]) -> None:
    """Remove one entry of the folder `top`; the folders in it become entries of `top`."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=top)
        return
    os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        with os.scandir(inner) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=inner)
                    continue
                os.chmod(entry.name, 0o700, dir_fd=inner)  # a folder closed to its owner cannot be moved
                free = next(free for n in numbers if not _is_there(free := f"lifted-{n}", top))
                os.rename(entry.name, free, src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def too_full(box: Box, pids: list[int]) -> str | None:
    """The limit that the job's files are over, if any; files that it has removed but holds open count too."""
    limits = box.limits
    size_bytes, files = _deleted(pids)
    for part in (box.work, box.out, box.tmp):
        more_bytes, more_files = _measure(part, limits.files)
        size_bytes, files = size_bytes + more_bytes, files + more_files
    if files > limits.files:
        return "files"
    return "disk" if size_bytes > limits.disk_bytes else None


def _measure(folder: str, most_files: int) -> tuple[int, int]:
    """Bytes and entries below a folder, never following a link; what cannot be counted counts as too much."""
    size_bytes = files = 0
    try:
        waiting = [(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), 0)]
    except OSError:
        return 0, most_files + 1
    while waiting:
        fd, depth = waiting.pop()
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        facts = entry.stat(follow_symlinks=False)
                        size_bytes += facts.st_blocks * 512
                        files += 1
                        if stat.S_ISDIR(facts.st_mode) and depth < _DEEPEST and len(waiting) < most_files:
                            inner = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                            waiting.append((inner, depth + 1))
                        elif stat.S_ISDIR(facts.st_mode):
                            files = most_files + 1
                    if files > most_files:
                        break
        except OSError:
            files = most_files + 1
        finally:
            os.close(fd)
        if files > most_files:
            for inner, _ in waiting:
                os.close(inner)
            break
    return size_bytes, files


def _deleted(pids: list[int]) -> tuple[int, int]:
    """Bytes and number of the files without a name that processes hold open."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    facts = os.stat(f"/proc/{pid}/fd/{fd}")
                    if facts.st_nlink == 0 and stat.S_ISREG(facts.st_mode):
                        found[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
    return sum(found.values()), len(found)
