"""The last record of a ZIP, which says where its list of entries lies.

It is read by hand because `zipfile` takes in the whole list at once, however long it is, and looks for another place of
it when the record is wrong.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import BinaryIO, NamedTuple

from rpc.archive_limits import ArchiveLimits
from rpc.errors import BadBundle

_END = Struct("<4sHHHHIIH")
_SIGNATURE = b"PK\5\6"
_LOCATOR_64 = b"PK\6\7"
_LOCATOR_64_BYTES = 20
_MAX_COMMENT = 0xFFFF
ZIP64 = "uses zip64, which nothing of this size needs; make it again without (zip -fz-)"


class End(NamedTuple):
    """The list of entries: where it starts, how long it is, and how many it has."""

    start: int
    size: int
    n_entries: int


def find_end(file: BinaryIO, limits: ArchiveLimits) -> End:
    """Find the list of entries.

    Raises:
        BadBundle: this is no ZIP, or not plainly one, or it lists too much.
    """
    size = file.seek(0, os.SEEK_END)
    if size > limits.archive_bytes:
        raise BadBundle(f"the ZIP has {size:,} bytes, of at most {limits.archive_bytes:,}; send data as a dataset")
    at, record = _last_record(file, size)
    _, disk, first_disk, here, n_entries, length, start, _ = _END.unpack(record)
    if 0xFFFF in (here, n_entries) or 0xFFFFFFFF in (length, start) or _has_locator(file, at):
        raise BadBundle(f"the ZIP {ZIP64}")
    if disk or first_disk or here != n_entries:
        raise BadBundle("the ZIP is one part of several; make it again in one piece")
    if n_entries > limits.entries:
        raise BadBundle(f"the ZIP has {n_entries:,} entries, of at most {limits.entries:,}; pack fewer files")
    if length > limits.directory_bytes:
        raise BadBundle(f"the ZIP's list of entries has {length:,} bytes, of at most {limits.directory_bytes:,}")
    if start + length != at:
        raise BadBundle("the ZIP has bytes before or inside that belong to no entry; make it again from the folder")
    return End(start, length, n_entries)


def _last_record(file: BinaryIO, size: int) -> tuple[int, bytes]:
    """Where the last record is, and its bytes without the comment, which goes to the end of the file."""
    first = max(0, size - _END.size - _MAX_COMMENT)
    file.seek(first)
    tail = file.read(size - first)
    last = tail.rfind(_SIGNATURE)
    if last < 0:
        raise BadBundle("this is no ZIP, or it is cut off; make one with `zip -r`")
    ends = [at for at in _places(tail) if _reaches_end(tail, at)]
    if ends != [last]:
        raise BadBundle("the ZIP has no end, or several; make it again from the folder")
    return first + last, tail[last : last + _END.size]


def _places(tail: bytes) -> list[int]:
    places = []
    at = tail.find(_SIGNATURE)
    while at >= 0:
        places.append(at)
        at = tail.find(_SIGNATURE, at + 1)
    return places


def _reaches_end(tail: bytes, at: int) -> bool:
    if at + _END.size > len(tail):
        return False
    comment: int = _END.unpack_from(tail, at)[-1]
    return at + _END.size + comment == len(tail)


def _has_locator(file: BinaryIO, at: int) -> bool:
    """Whether other programs would look for zip64 records, also where a comment only looks like one."""
    if at < _LOCATOR_64_BYTES:
        return False
    file.seek(at - _LOCATOR_64_BYTES)
    return file.read(len(_LOCATOR_64)) == _LOCATOR_64
