"""One record of a ZIP's list of entries, and what comes before the data of an entry: only what is plain is taken.

Format: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.9 and 4.3.12.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from rpc.archive_end import ZIP64
from rpc.archive_names import shown, split_path
from rpc.errors import BadBundle

STORED, DEFLATED = 0, 8
AGAIN = "make the ZIP again from the folder"
CENTRAL = Struct("<4sHHHH4xIIIHHHHHII")  # without date and time
LOCAL = Struct("<4sHHH4xIIIHH")
MAX_DESCRIPTOR = 24  # bytes
_EXTRA = Struct("<HH")
_CENTRAL_SIGNATURE, _LOCAL_SIGNATURE, _DESCRIPTOR_SIGNATURE = b"PK\1\2", b"PK\3\4", b"PK\7\10"
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_DESCRIBED = 0x0008  # CRC and sizes follow the data
_UTF8 = 0x0800
_PLAIN = 0x0006 | _DESCRIBED | _UTF8  # 0x0006: how hard the packer tried
_DOS_FOLDER = 0x10
_EXTRA_ZIP64, _EXTRA_UNICODE_PATH = 0x0001, 0x7075


class Central(NamedTuple):
    """The fixed part of a record, as it is in the file."""

    signature: bytes
    made_by: int
    needed: int
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    name_bytes: int
    extra_bytes: int
    comment_bytes: int
    disk: int
    internal: int
    attributes: int
    header: int


class Local(NamedTuple):
    """The fixed part of the header before the data of an entry."""

    signature: bytes
    needed: int
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    name_bytes: int
    extra_bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder of an archive.

    Attributes:
        raw_name: its path as it is in the file.
        parts: its path.
        method: STORED or DEFLATED.
        crc: CRC-32 of the file.
        packed_size, size: in bytes.
        header: where the header before its data starts.
        start: where its data start.
    """

    raw_name: bytes
    parts: tuple[str, ...]
    is_folder: bool
    is_executable: bool
    method: int
    crc: int
    packed_size: int
    size: int
    header: int
    start: int = 0

    @property
    def name(self) -> str:
        return "/".join(self.parts)

    @property
    def end(self) -> int:
        return self.start + self.packed_size


def read_central(directory: bytes, at: int) -> tuple[Entry, int]:
    """The entry whose record is at an offset of the list, and where the next record is.

    Raises:
        BadBundle: it is not what a bundle may hold.
        struct.error: the list ends before.
    """
    record = Central._make(CENTRAL.unpack_from(directory, at))
    name_at = at + CENTRAL.size
    extra_at = name_at + record.name_bytes
    end = extra_at + record.extra_bytes + record.comment_bytes
    if record.signature != _CENTRAL_SIGNATURE or end > len(directory):
        raise BadBundle(f"the ZIP's list of entries is damaged; {AGAIN}")
    raw_name = directory[name_at:extra_at]
    name = _decoded(raw_name, record.flags)
    parts = split_path(name)
    reason = _doubt(record, is_folder=name.endswith("/"))
    reason = reason or _doubt_of_extra(directory[extra_at : extra_at + record.extra_bytes])
    if reason:
        raise BadBundle(f"{shown(name)} in the ZIP {reason}")
    mode = record.attributes >> 16
    entry = Entry(
        raw_name=raw_name,
        parts=parts,
        is_folder=name.endswith("/"),
        is_executable=bool(mode & stat.S_IXUSR),
        method=record.method,
        crc=record.crc,
        packed_size=record.packed_size,
        size=record.size,
        header=record.header,
    )
    return entry, end


def check_local(entry: Entry, local: Local, names: bytes) -> None:
    """Raise BadBundle unless the header before the data says the same as the list.

    Args:
        names: what follows the fixed part: the name and the extra fields.
    """
    sizes = (local.crc, local.packed_size, local.size)
    listed = (entry.crc, entry.packed_size, entry.size)
    reason = _doubt_of_flags(local.flags) or _doubt_of_extra(names[local.name_bytes :])
    if not reason and 0xFFFFFFFF in sizes[1:]:
        reason = ZIP64
    same = local.signature == _LOCAL_SIGNATURE and local.method == entry.method
    same = same and names[: local.name_bytes] == entry.raw_name
    same = same and (sizes == listed or (bool(local.flags & _DESCRIBED) and sizes == (0, 0, 0)))
    if not reason and not same:
        reason = f"is listed as something else than its data say; {AGAIN}"
    if reason:
        raise BadBundle(f"{shown(entry.name)} in the ZIP {reason}")


def descriptors(entry: Entry, flags: int) -> Iterator[bytes]:
    """What may lie behind the data of an entry: nothing, unless the flags say that its sizes follow."""
    if not flags & _DESCRIBED:
        yield b""
        return
    for layout in ("<III", "<IQQ"):
        sizes = Struct(layout).pack(entry.crc, entry.packed_size, entry.size)
        yield _DESCRIPTOR_SIGNATURE + sizes
        yield sizes


def _decoded(raw_name: bytes, flags: int) -> str:
    try:
        return raw_name.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        reason = "is not the UTF-8 that it says" if flags & _UTF8 else "is neither ASCII nor marked as UTF-8"
        raise BadBundle(f"{ascii(raw_name[:60])[1:]} in the ZIP {reason}; rename it, or submit the folder") from error


def _doubt(record: Central, *, is_folder: bool) -> str:
    """Why an entry is not taken; empty: it is."""
    reason = _doubt_of_flags(record.flags) or _doubt_of_kind(record.attributes, is_folder)
    if reason:
        return reason
    if record.method not in (STORED, DEFLATED):
        return f"is packed by method {record.method}; use deflate, which is what `zip` does by itself"
    if 0xFFFFFFFF in (record.packed_size, record.size, record.header) or record.disk == 0xFFFF:
        return ZIP64
    if record.disk:
        return "lies in another part of the ZIP; make it again in one piece"
    if is_folder and record.size:
        return "is a folder with data of its own; make the ZIP again"
    if record.method == STORED and record.packed_size != record.size:
        return f"has two sizes though it is not packed; {AGAIN}"
    return ""


def _doubt_of_flags(flags: int) -> str:
    if flags & _ENCRYPTED:
        return "is encrypted; make the ZIP without a password"
    if flags & ~_PLAIN:
        return f"is packed in an unusual way (flags 0x{flags:04x}); {AGAIN}"
    return ""


def _doubt_of_kind(attributes: int, is_folder: bool) -> str:
    kind = stat.S_IFMT(attributes >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link; put the file in its place"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither a file nor a folder; leave it out"
    # Without a mode, what DOS says counts; many programs leave that out of folders.
    if stat.S_ISDIR(kind) != is_folder if kind else bool(attributes & _DOS_FOLDER) > is_folder:
        return f"is a folder by its name or by its mode, but not by both; {AGAIN}"
    return ""


def _doubt_of_extra(extra: bytes) -> str:
    at = 0
    while at + _EXTRA.size <= len(extra):
        kind, length = _EXTRA.unpack_from(extra, at)
        if kind == _EXTRA_ZIP64:
            return ZIP64
        if kind == _EXTRA_UNICODE_PATH:
            return "has a second name in an extra field; make the ZIP without (zip -UN=UTF8)"
        at += _EXTRA.size + length
    return ""
