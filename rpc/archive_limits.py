"""How large a ZIP that comes from somebody else may be, packed and unpacked."""

from __future__ import annotations

from dataclasses import dataclass

MAX_NAME_BYTES = 200  # of a path inside, in UTF-8
MAX_DEPTH = 16  # folders and the file itself
MAX_RATIO = 100  # of unpacked to packed bytes of a file ...
RATIO_FREE_BYTES = 1_000_000  # ... that has more than these


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one archive may hold.

    Attributes:
        archive_bytes: of the ZIP as it comes.
        directory_bytes: of its list of entries.
        entries: files and folders, those that are only named in paths included.
        total_bytes: of all files unpacked.
        file_bytes: of one file unpacked.
    """

    archive_bytes: int
    directory_bytes: int
    entries: int
    total_bytes: int
    file_bytes: int


BUNDLE = ArchiveLimits(
    archive_bytes=210_000_000,
    directory_bytes=1_000_000,
    entries=5_000,
    total_bytes=200_000_000,
    file_bytes=100_000_000,
)
# Zip64 is not read, so neither can reach 4 GiB nor 65,535 entries.
DATASET = ArchiveLimits(
    archive_bytes=4_100_000_000,
    directory_bytes=12_000_000,
    entries=60_000,
    total_bytes=4_000_000_000,
    file_bytes=4_000_000_000,
)
