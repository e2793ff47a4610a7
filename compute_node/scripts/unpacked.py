"""The bytes of one entry of a ZIP, never more than it says, and checked as they come."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from rpc.archive_names import shown
from rpc.archive_records import AGAIN, STORED, Entry
from rpc.errors import BadBundle

_PIECE_BYTES = 256 * 1024


def unpacked(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Yield the entry's bytes in pieces.

    Raises:
        BadBundle: there are more or fewer than the entry says, or their CRC-32 is another; some are out by then.
    """
    file.seek(entry.start)
    size = crc = 0
    for piece in _stored(file, entry) if entry.method == STORED else _inflated(file, entry):
        size += len(piece)
        if size > entry.size:
            raise _damaged(entry, f"has more than the {entry.size:,} bytes that it says")
        crc = zlib.crc32(piece, crc)
        yield piece
    if size != entry.size:
        raise _damaged(entry, f"has {size:,} bytes, not {entry.size:,} as it says")
    if crc != entry.crc:
        raise _damaged(entry, "is damaged: its CRC-32 is another")


def _stored(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    left = entry.packed_size
    while left and (piece := file.read(min(left, _PIECE_BYTES))):
        left -= len(piece)
        yield piece


def _inflated(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    left = entry.packed_size
    while not inflater.eof:
        packed = inflater.unconsumed_tail
        if not packed:
            packed = file.read(min(left, _PIECE_BYTES))
            left -= len(packed)
        try:
            # The bound on what comes out of one call is what keeps a bomb from filling the memory.
            piece = inflater.decompress(packed, _PIECE_BYTES)
        except zlib.error as error:
            raise _damaged(entry, "is damaged: it cannot be unpacked") from error
        if not packed and not piece and not inflater.eof:
            raise _damaged(entry, "is cut off")
        yield piece
    if left or inflater.unused_data:
        raise _damaged(entry, "has packed bytes behind its end")


def _damaged(entry: Entry, reason: str) -> BadBundle:
    return BadBundle(f"{shown(entry.name)} in the ZIP {reason}; {AGAIN}")
