"""What a ZIP from somebody else holds, read strictly: entries that are plainly regular files and folders, or nothing.

Whatever programs are known to read in several ways is refused. Nothing is unpacked here.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import BinaryIO

from rpc.archive_end import End, find_end
from rpc.archive_limits import BUNDLE, MAX_RATIO, RATIO_FREE_BYTES, ArchiveLimits
from rpc.archive_names import PathTree, shown
from rpc.archive_records import AGAIN, LOCAL, MAX_DESCRIPTOR, Entry, Local, check_local, descriptors, read_central
from rpc.errors import BadBundle


def read_entries(file: BinaryIO, limits: ArchiveLimits = BUNDLE) -> list[Entry]:
    """The entries in the order of their data; nothing is unpacked.

    Raises:
        BadBundle: the archive is damaged, too large, or holds what it must not; says which entry, why, and what helps.
    """
    end = find_end(file, limits)
    try:
        entries = _listed(file, end, limits)
        _check_sizes(entries, limits)
        return _located(file, entries, end)
    except struct.error as error:
        raise BadBundle(f"the ZIP is damaged or cut off; {AGAIN}") from error


def check_program(entries: Iterable[Entry], main: str) -> None:
    """Raise BadBundle unless `main` is a file of the archive."""
    kinds = {entry.name: entry.is_folder for entry in entries}
    if main not in kinds:
        raise BadBundle(f"the bundle has no {shown(main)}; add it, or name the program with --main")
    if kinds[main]:
        raise BadBundle(f"{shown(main)} in the bundle is a folder; name the program with --main")


def check_folders(entries: Iterable[Entry], datasets: Collection[str]) -> None:
    """Raise BadBundle where a bundle has a file in place of a folder that the job gets: `out`, and its data sets."""
    folders = {"out", *(["data"] if datasets else []), *(f"data/{name}" for name in datasets)}
    for entry in entries:
        if not entry.is_folder and entry.name in folders:
            raise BadBundle(f"{shown(entry.name)} in the bundle is a file, and must be a folder of the job; rename it")


def _listed(file: BinaryIO, end: End, limits: ArchiveLimits) -> list[Entry]:
    file.seek(end.start)
    directory = file.read(end.size)
    entries = []
    tree = PathTree(limits.entries)
    at = 0
    for _ in range(end.n_entries):
        entry, at = read_central(directory, at)
        tree.add(entry.parts, is_folder=entry.is_folder)
        entries.append(entry)
    if at != len(directory):
        raise BadBundle(f"the ZIP lists other entries than it says; {AGAIN}")
    return entries


def _check_sizes(entries: list[Entry], limits: ArchiveLimits) -> None:
    total = 0
    for entry in entries:
        total += entry.size
        if entry.size > limits.file_bytes:
            reason = f"has {entry.size:,} bytes, of at most {limits.file_bytes:,}; send data as a dataset"
        elif entry.size > max(RATIO_FREE_BYTES, MAX_RATIO * entry.packed_size):
            reason = f"would grow to more than {MAX_RATIO} times its size; store it without packing (zip -0)"
        else:
            continue
        raise BadBundle(f"{shown(entry.name)} in the ZIP {reason}")
    if total > limits.total_bytes:
        raise BadBundle(
            f"the files in the ZIP have {total:,} bytes, of at most {limits.total_bytes:,}; send data as a dataset"
        )


def _located(file: BinaryIO, entries: list[Entry], end: End) -> list[Entry]:
    """The entries with the places of their data, which must fill the file without overlap or gap.

    Data that several entries share make a small ZIP a huge tree (Fifield 2019, "A better zip bomb").
    """
    ordered = sorted(entries, key=lambda entry: entry.header)
    starts = [*(entry.header for entry in ordered), end.start]
    if starts[0]:
        raise BadBundle(f"the ZIP has bytes before its first entry; {AGAIN}")
    return [_locate(file, entry, following) for entry, following in zip(ordered, starts[1:], strict=True)]


def _locate(file: BinaryIO, entry: Entry, following: int) -> Entry:
    """The entry with the place of its data, which must end where the following header starts."""
    file.seek(entry.header)
    local = Local._make(LOCAL.unpack(file.read(LOCAL.size)))
    names = file.read(local.name_bytes + local.extra_bytes)
    check_local(entry, local, names)
    entry = replace(entry, start=entry.header + LOCAL.size + len(names))
    gap = following - entry.end
    if gap < 0:
        raise BadBundle(f"{shown(entry.name)} in the ZIP shares its data with another entry; {AGAIN}")
    file.seek(entry.end)
    if file.read(min(gap, MAX_DESCRIPTOR + 1)) not in descriptors(entry, local.flags):
        raise BadBundle(f"the ZIP has bytes after {shown(entry.name)} that belong to no entry; {AGAIN}")
    return entry
