"""What a script job leaves in `out/`, taken in as blobs: regular files under honest names, and only so much."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from compute_node.scripts.trees import remove_tree
from rpc.blobs import BlobFolder
from rpc.errors import DiskFull, MissingBlob, TrainerError
from rpc.messages import DataFile

MAX_FILES = 1000
MAX_BYTES = 10 << 30  # of all together
MAX_REFUSED = 20  # that are named
_MAX_NAME_BYTES = 200


@dataclass(frozen=True, slots=True)
class Collected:
    """What was taken of what a job has left.

    Attributes:
        files: by their paths in `out/`.
        refused: lines about those that are not taken from any job.
        lost: in one line, what should have been taken and could not be; empty: nothing.
    """

    files: list[DataFile] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: str = ""


class KeptArtifacts:
    """What one job has left, in a folder of its own until its coordinator has it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs: BlobFolder | None = None

    def take_in(self, out: Path) -> Collected:
        """Store the files below `out`."""
        try:
            self._blobs = BlobFolder(self._folder)
        except TrainerError as error:
            return Collected(lost=f"what the job has left in out/ is lost: {error}")
        self._blobs.close()  # nobody else comes here, and a lock is an open file for each job
        return collect(out, self._blobs)

    def get(self, name: str, offset: int, length: int) -> bytes:
        """Part of a file; see `BlobFolder.get`."""
        if self._blobs is None:
            raise MissingBlob(f"no job here has left {name[:80]}")
        return self._blobs.get(name, offset, length)

    def remove(self) -> None:
        """Drop all of it."""
        self._blobs = None
        if self._folder.is_dir():
            remove_tree(self._folder)


def collect(folder: Path, blobs: BlobFolder) -> Collected:
    """Store the files below `folder`.

    The job may have made anything here, and nothing that it made is followed: a link could lead to what the node may
    read and the job may not.
    """
    taken: list[DataFile] = []
    refused: list[str] = []
    lost: list[str] = []
    total = 0
    for name, entry in _entries(folder, refused):
        reason = _doubt(name, entry)
        if not reason and len(taken) == MAX_FILES:
            more = f"out/ has more than {MAX_FILES:,} files; the others are left out (zip them)"
            return Collected(taken, [*_some(refused), more], _lost(lost))
        if not reason and total + entry.stat(follow_symlinks=False).st_size > MAX_BYTES:
            reason = f"the files in out/ have more than {MAX_BYTES >> 30} GiB"
        if not reason:
            try:
                taken.append(_store(name, entry, blobs))
                total += taken[-1].size
                continue
            except DiskFull:
                lost.append(name)
                continue
            except (OSError, TrainerError) as error:
                reason = _words(error)
        refused.append(_left_out(name, reason))
    return Collected(taken, _some(refused), _lost(lost))


def printable(name: str) -> str:
    """A name without what a terminal would obey, and not too long."""
    return "".join(each if each.isprintable() else "?" for each in name[:_MAX_NAME_BYTES])


def _entries(folder: Path, refused: list[str], prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All that is no folder, in the order of the names; a linked folder counts as a link, a deep one is not entered."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        refused.append(_left_out(prefix, _words(error)))
        return
    for entry in entries:
        name = prefix + entry.name
        if entry.is_dir(follow_symlinks=False) and len(os.fsencode(name)) < _MAX_NAME_BYTES:
            yield from _entries(Path(entry.path), refused, f"{name}/")
        else:
            yield name, entry


def _doubt(name: str, entry: os.DirEntry[str]) -> str:
    """Why an entry is not taken; empty: it is."""
    if len(os.fsencode(name)) > _MAX_NAME_BYTES or entry.is_dir(follow_symlinks=False):
        return f"its path has more than {_MAX_NAME_BYTES} bytes"
    if not entry.is_file(follow_symlinks=False):
        return "it is a link or a special file; only regular files are taken"
    if not name.isprintable() or "\\" in name:
        return "its name has characters that some systems obey"
    return ""


def _left_out(name: str, reason: str) -> str:
    return f"out/{printable(name)} is left out: {reason}"


def _lost(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 1:,} more of its files are" if names[1:] else " is"
    return f"out/{printable(names[0])}{more} lost: the node's disk is full"


def _some(refused: list[str]) -> list[str]:
    """So many lines that they do not drown what the job itself has said at its end."""
    more = len(refused) - MAX_REFUSED
    return refused if more <= 0 else [*refused[:MAX_REFUSED], f"{more:,} more of out/ are left out"]


def _words(error: OSError | TrainerError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _store(name: str, entry: os.DirEntry[str], blobs: BlobFolder) -> DataFile:
    descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise OSError("it is no regular file of its own any more")
        return DataFile(name, blobs.store_file(file, status.st_size), status.st_size)
