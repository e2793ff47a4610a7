"""Unpacking a ZIP that comes from somebody else into an empty folder: all of it, or nothing.

Not by `zipfile`, which repairs what must be refused: it makes `../main.py` and `/main.py` overwrite `main.py`.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

from compute_node.scripts.trees import remove_tree
from compute_node.scripts.unpacked import unpacked
from rpc.archive_limits import BUNDLE, ArchiveLimits
from rpc.archive_records import Entry
from rpc.archives import read_entries
from rpc.errors import BadBundle, DiskFull

_FILE_MODE, _PROGRAM_MODE, _FOLDER_MODE = 0o644, 0o755, 0o755
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(archive: Path, folder: Path, limits: ArchiveLimits = BUNDLE) -> list[Entry]:
    """Unpack a ZIP into a folder that exists and is empty; return what it held.

    Files get the mode 0644, or 0755 where their owner may run them, and folders 0755, whatever else the ZIP says.

    Raises:
        BadBundle: the ZIP holds what it must not, or too much; nothing is left in the folder.
        DiskFull: so is the disk; nothing is left in the folder.
        ValueError: the folder is not empty.
    """
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")
    with archive.open("rb") as file:
        entries = read_entries(file, limits)
        try:
            _write(file, entries, folder)
        except BaseException as error:
            _clear(folder)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"{folder} has no room for the files of the ZIP; free some of its disk") from error
            raise
    return entries


def holds(archive: Path, name: str) -> bool:
    """Whether a ZIP that can be read has a file of this name at its top."""
    try:
        with archive.open("rb") as file:
            return any(entry.parts == (name,) and not entry.is_folder for entry in read_entries(file))
    except (BadBundle, OSError):  # who unpacks it tells
        return False


def _write(file: BinaryIO, entries: list[Entry], folder: Path) -> None:
    top = os.open(folder, _FOLDER)
    try:
        for entry in entries:
            inside = _enter(top, entry.parts if entry.is_folder else entry.parts[:-1])
            try:
                _write_data(file, entry, inside)
            finally:
                os.close(inside)
    finally:
        os.close(top)


def _enter(top: int, parts: tuple[str, ...]) -> int:
    """Open a folder below `top`, making what lacks; never through a link, whoever puts one there meanwhile."""
    here = os.dup(top)
    for part in parts:
        outside = here
        try:
            here = _subfolder(outside, part)
        finally:
            os.close(outside)
    return here


def _subfolder(outside: int, name: str) -> int:
    try:
        os.mkdir(name, dir_fd=outside)
    except FileExistsError:
        return os.open(name, _FOLDER, dir_fd=outside)
    inside = os.open(name, _FOLDER, dir_fd=outside)
    os.fchmod(inside, _FOLDER_MODE)  # mkdir's mode is cut by the umask
    return inside


def _write_data(file: BinaryIO, entry: Entry, inside: int) -> None:
    if entry.is_folder:
        for _ in unpacked(file, entry):  # some programs pack the nothing that a folder holds
            pass
        return
    descriptor = os.open(entry.parts[-1], _NEW_FILE, 0o600, dir_fd=inside)
    with os.fdopen(descriptor, "wb") as target:
        os.fchmod(descriptor, _PROGRAM_MODE if entry.is_executable else _FILE_MODE)
        for piece in unpacked(file, entry):
            target.write(piece)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            remove_tree(path)
        else:
            path.unlink()
