"""Fast digests of vectors and messages: XXH3-64, which finds damage, not forgery."""

from __future__ import annotations

import xxhash

from rpc.messages import Buffer


def digest(buffer: Buffer) -> int:
    """XXH3-64 of the bytes as a signed integer, which is what Thrift's i64 holds."""
    return _signed(xxhash.xxh3_64_intdigest(buffer))


class RunningDigest:
    """The digest of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_64()

    def update(self, piece: Buffer) -> None:
        self._hash.update(piece)

    @property
    def value(self) -> int:
        """The digest of all bytes so far."""
        return _signed(self._hash.intdigest())


def _signed(unsigned: int) -> int:
    return unsigned - (1 << 64) if unsigned >= 1 << 63 else unsigned
