"""Bundles of script jobs: a folder or some code as a ZIP, the same bytes for the same contents; and their check."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Collection, Iterator
from os import DirEntry, scandir
from pathlib import Path

from pathspec import GitIgnoreSpec

from rpc.archive_limits import BUNDLE, DATASET, ArchiveLimits
from rpc.archive_names import shown, split_path
from rpc.archive_records import Entry
from rpc.archives import check_folders, check_program, read_entries
from rpc.errors import BadBundle, BadRequest

IGNORE_FILE = ".roundhouseignore"
MAIN = "main.py"
REQUIREMENTS = "requirements.txt"
# As lines of an ignore file, before those of the folder, which may take one back: !venv
LEFT_OUT = (
    *(".git", "__pycache__", "*.pyc", ".venv", "venv", "node_modules"),
    *(".mypy_cache", ".pytest_cache", ".ipynb_checkpoints"),
)
_WHEN = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP can tell
_FOLDER_MODE, _FILE_MODE, _PROGRAM_MODE = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644, stat.S_IFREG | 0o755


def pack_folder(folder: Path, target: Path, limits: ArchiveLimits = BUNDLE) -> None:
    """Write what is in a folder to a new ZIP, without what LEFT_OUT and the folder's ignore file name.

    Nothing is compressed: deflate gives other bytes with another zlib, and data that it makes a hundred times smaller
    could not be told from a bomb.

    Raises:
        BadBundle: the folder cannot be read, has too much, or has what no bundle may have; symbolic links, too, even
            those that stay inside: a job must not depend on where they lead.
    """
    try:
        found = list(_entries(folder, _ignored(folder), limits))
        with zipfile.ZipFile(target, "w", allowZip64=False) as packing:
            for name, entry in found:
                _add(packing, name, entry)
    except OSError as error:
        raise BadBundle(f"{error.filename or folder}: cannot be read: {error.strerror}") from error


def pack_code(code: str, target: Path, requirements: Path | None = None) -> None:
    """Write a program that somebody has typed to a new ZIP, as its main.py, with a file of what it requires.

    Raises:
        BadRequest: the code or that file cannot be packed.
    """
    try:
        data = code.encode() + b"\n"
    except UnicodeEncodeError as error:
        raise BadRequest("the code is not UTF-8; check the terminal's settings, or submit a folder") from error
    try:
        required = b"" if requirements is None else requirements.read_bytes()
    except OSError as error:
        raise BadRequest(f"{requirements}: cannot be read: {error.strerror}; name a file of this machine") from error
    with zipfile.ZipFile(target, "w") as packing:
        packing.writestr(_info(MAIN, _FILE_MODE), data)
        if required:
            packing.writestr(_info(REQUIREMENTS, _FILE_MODE), required)


def check_bundle(archive: Path, main: str = MAIN, requirements: str = "", datasets: Collection[str] = ()) -> None:
    """Refuse early what every node would refuse.

    Args:
        requirements: the file of them that somebody has named; empty: nobody has.
        datasets: the names of those that the job gets.

    Raises:
        BadBundle: this is no ZIP that a node unpacks, or the program or that file is not in it.
    """
    entries = _entries_of(archive, BUNDLE)
    check_program(entries, main)
    check_folders(entries, datasets)
    if requirements and not any(entry.name == requirements and not entry.is_folder for entry in entries):
        raise BadBundle(f"the bundle has no {shown(requirements)}; add it, or leave out --requirements")


def check_dataset(archive: Path) -> None:
    """Raise BadBundle if this is no ZIP that a node unpacks as a data set."""
    _entries_of(archive, DATASET)


def _entries_of(archive: Path, limits: ArchiveLimits) -> list[Entry]:
    try:
        with archive.open("rb") as file:
            return read_entries(file, limits)
    except OSError as error:
        raise BadBundle(f"{archive}: cannot be read: {error.strerror}") from error


def _ignored(folder: Path) -> GitIgnoreSpec:
    path = folder / IGNORE_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return GitIgnoreSpec.from_lines([*LEFT_OUT, *lines])
    except ValueError as error:  # no UTF-8, or no pattern
        raise BadBundle(f"{path}: cannot be used: {error}") from error


def _entries(folder: Path, ignored: GitIgnoreSpec, limits: ArchiveLimits) -> Iterator[tuple[str, DirEntry[str]]]:
    """The files, and the folders with nothing in them, by name; counted, so that a whole disk is not gone through."""
    total = 0
    for n_entries, (name, entry) in enumerate(_below(folder, "", ignored), start=1):
        total += 0 if entry.is_dir() else entry.stat().st_size
        if n_entries > limits.entries:
            raise BadBundle(
                f"{folder} has more than {limits.entries:,} files; name what is not needed in {IGNORE_FILE}"
            )
        if total > limits.total_bytes:
            size = f"{folder} has more than {limits.total_bytes:,} bytes"
            raise BadBundle(f"{size}; name what is not needed in {IGNORE_FILE}, or send data as a dataset")
        yield name, entry


def _below(folder: Path, prefix: str, ignored: GitIgnoreSpec) -> Iterator[tuple[str, DirEntry[str]]]:
    with scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        name = f"{prefix}{entry.name}{'/' if is_folder else ''}"
        if ignored.match_file(name):
            continue
        split_path(name)  # which refuses a path too deep to go on
        if is_folder:
            is_empty = True
            for each in _below(Path(entry.path), name, ignored):
                is_empty = False
                yield each
            if is_empty:
                yield name, entry
        elif entry.is_file(follow_symlinks=False):
            yield name, entry
        else:
            what = "a symbolic link; put the file in its place" if entry.is_symlink() else "no regular file; remove it"
            raise BadBundle(f"{shown(name)} in {folder} is {what}, or name it in {IGNORE_FILE}")


def _add(packing: zipfile.ZipFile, name: str, entry: DirEntry[str]) -> None:
    status = entry.stat()
    if stat.S_ISDIR(status.st_mode):
        packing.writestr(_info(name, _FOLDER_MODE), b"")
        return
    info = _info(name, _PROGRAM_MODE if status.st_mode & stat.S_IXUSR else _FILE_MODE)
    info.file_size = status.st_size  # says beforehand that it will not need zip64
    with open(entry.path, "rb") as source, packing.open(info, "w") as packed:
        shutil.copyfileobj(source, packed)


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _WHEN)
    info.create_system = 3  # Unix, wherever it is packed, so that modes are read
    info.external_attr = mode << 16
    return info
