"""ZIP files byte by byte, so that every field can lie."""

from __future__ import annotations

import stat
import zlib
from dataclasses import dataclass
from struct import pack

REGULAR = stat.S_IFREG | 0o644
FOLDER = stat.S_IFDIR | 0o755


@dataclass(frozen=True)
class Part:
    """One entry; what is None follows from the rest. What starts with `local` is said before the data only."""

    name: bytes = b"main.py"
    data: bytes = b"print(1)\n"
    packed: bytes | None = None
    method: int = 0
    flags: int = 0x0800
    mode: int = REGULAR
    dos: int = 0
    system: int = 3
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    extra: bytes = b""
    comment: bytes = b""
    disk: int = 0
    header: int | None = None
    signature: bytes = b"PK\1\2"
    local_signature: bytes = b"PK\3\4"
    local_name: bytes | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_sizes: tuple[int, int, int] | None = None
    local_extra: bytes = b""
    after: bytes = b""

    @property
    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.method == 8 else self.data

    @property
    def sizes(self) -> tuple[int, int, int]:
        """CRC, packed size, size."""
        return (
            zlib.crc32(self.data) if self.crc is None else self.crc,
            len(self.body) if self.packed_size is None else self.packed_size,
            len(self.data) if self.size is None else self.size,
        )

    @property
    def local_header(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        flags = self.flags if self.local_flags is None else self.local_flags
        method = self.method if self.local_method is None else self.local_method
        sizes = self.local_sizes or self.sizes
        lengths = (len(name), len(self.local_extra))
        fixed = pack("<HHHHHIIIHH", 20, flags, method, 0, 33, *sizes, *lengths)
        return self.local_signature + fixed + name + self.local_extra

    @property
    def local(self) -> bytes:
        return self.local_header + self.body + self.after

    def central(self, at: int) -> bytes:
        lengths = (len(self.name), len(self.extra), len(self.comment))
        start = at if self.header is None else self.header
        fields = (20 | self.system << 8, 20, self.flags, self.method, 0, 33, *self.sizes, *lengths)
        fixed = pack("<HHHHHHIIIHHHHHII", *fields, self.disk, 0, self.mode << 16 | self.dos, start)
        return self.signature + fixed + self.name + self.extra + self.comment


@dataclass(frozen=True)
class End:
    """The last record; what is None is as it should be."""

    signature: bytes = b"PK\5\6"
    disk: int = 0
    here: int | None = None
    n_entries: int | None = None
    size: int | None = None
    start: int | None = None
    comment_bytes: int | None = None

    def bytes(self, count: int, size: int, start: int, comment: bytes) -> bytes:
        n_entries = count if self.n_entries is None else self.n_entries
        here = n_entries if self.here is None else self.here
        size = size if self.size is None else self.size
        start = start if self.start is None else self.start
        length = len(comment) if self.comment_bytes is None else self.comment_bytes
        return self.signature + pack("<HHHHIIH", self.disk, self.disk, here, n_entries, size, start, length) + comment


def zip_of(
    *parts: Part, before: bytes = b"", between: bytes = b"", comment: bytes = b"", end: End | None = None
) -> bytes:
    """A ZIP of the parts; `before` them and `between` them and their list come bytes of nobody."""
    local, central = before, b""
    for part in parts:
        central += part.central(len(local))
        local += part.local
    last = (end or End()).bytes(len(parts), len(central), len(local) + len(between), comment)
    return local + between + central + last


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def deflated_zeros(mebibytes: int) -> bytes:
    """As many MiB of zeros, packed without packing them all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)  # stands alone, so it can be repeated
    return piece * mebibytes + packer.flush()


def overlapping(count: int, kernel: bytes, size: int) -> bytes:
    """Files that share one packed kernel of `size` zeros: each quotes the header of the next one before it.

    Fifield (2019), "A better zip bomb", section "Quoting DEFLATE".
    """
    local, central = b"", b""
    parts: list[Part] = []
    packed, length = kernel, size
    for index in reversed(range(count)):
        part = Part(name=b"%d" % index, data=b"", method=8, packed=packed, size=length, crc=0)
        parts.append(part)
        header = part.local_header
        packed = b"\0" + pack("<HH", len(header), len(header) ^ 0xFFFF) + header + packed
        length += len(header)
    parts.reverse()
    local = parts[0].local
    at = 0
    for part in parts:
        central += part.central(at)
        at += len(part.local_header) + 5  # the next header lies in a stored block of its own
    return local + central + End().bytes(count, len(central), len(local), b"")
