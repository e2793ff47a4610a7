"""The folder of a job: who may use what of it, and how full it is."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import NamedTuple

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


def take_back(box: Box) -> None:
    """Close the folder to the user that had it, who may soon be another job; what was built becomes the node's."""
    with suppress(OSError):
        os.chmod(box.folder, 0o700)
    if os.geteuid() == 0:
        for part in box.writable:
            _take(part)


class Fill(NamedTuple):
    """What the files of a job take, and the limit that they are over, if any."""

    size_bytes: int
    limit: str | None


def measure(box: Box, pids: list[int]) -> Fill:
    """How full the folder is; files that the job has removed but holds open count too."""
    limits = box.limits
    size_bytes, files = _deleted(pids)
    try:
        for part in (box.work, box.out, box.tmp, *box.writable):
            for _, facts, _ in _below(part):
                size_bytes += facts.st_blocks * 512
                files += 1
                if files > limits.files:
                    return Fill(size_bytes, "files")
    except OSError:  # too deep, or closed: what cannot be counted counts as too much
        return Fill(size_bytes, "files")
    return Fill(size_bytes, "disk" if size_bytes > limits.disk_bytes else None)


def _give(box: Box, uid: int) -> None:
    # Others may pass through, not list: the parts themselves are closed to them.
    os.chmod(box.folder, 0o711)  # see above  # nosec B103
    for part in (box.work, box.out, box.tmp, *box.writable):
        for name, _, folder in _below(part):
            os.chown(name, uid, uid, dir_fd=folder, follow_symlinks=False)
        os.chown(part, uid, uid)
        os.chmod(part, 0o700)


def _take(part: str) -> None:
    """Make a folder ours again, for others to read; if that fails, for nobody."""
    os.chown(part, 0, 0, follow_symlinks=False)
    os.chmod(part, 0o700)
    with suppress(OSError):
        for name, facts, folder in _below(part):
            os.chown(name, 0, 0, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISLNK(facts.st_mode):
                os.chmod(name, stat.S_IMODE(facts.st_mode) & 0o755, dir_fd=folder)
        os.chmod(part, 0o755)  # what a job has left is read, by others too, and written by nobody  # nosec B103


def _below(folder: str) -> Iterator[tuple[str, os.stat_result, int]]:
    """Name, facts and folder (open) of each entry below a folder; no link is followed, and few files are open at once.

    Raises:
        OSError: a folder cannot be opened, or lies too deep.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with ExitStack() as opened:
        stack: list[tuple[int, Iterator[os.DirEntry[str]], ExitStack]] = []

        def enter(name: str, inside: int | None) -> None:
            if len(stack) > _DEEPEST:
                raise OSError(errno.ELOOP, "folders too deep", name)
            own = opened.enter_context(ExitStack())
            fd = os.open(name, flags, dir_fd=inside)
            own.callback(os.close, fd)
            stack.append((fd, own.enter_context(os.scandir(fd)), own))

        enter(folder, None)
        while stack:
            fd, entries, own = stack[-1]
            if (entry := next(entries, None)) is None:
                own.close()
                stack.pop()
                continue
            with suppress(FileNotFoundError):  # it has gone meanwhile
                facts = entry.stat(follow_symlinks=False)
                yield entry.name, facts, fd
                if stat.S_ISDIR(facts.st_mode):
                    enter(entry.name, fd)


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
