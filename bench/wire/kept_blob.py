"""An echo made of two calls: the bytes are put into a buffer on the other side and fetched from it, part by part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.wire.echo import LARGE_BYTES, Way
from rpc.messages import PART_BYTES

Put = Callable[[int, memoryview, int], None]  # offset, part, size of the whole
Get = Callable[[int, int], memoryview]  # offset, length


class KeptBlob:
    """Bytes that stay."""

    def __init__(self) -> None:
        self._bytes = np.zeros(LARGE_BYTES, np.uint8)

    def put(self, offset: int, part: memoryview | bytes) -> None:
        self._bytes[offset : offset + len(part)] = np.frombuffer(part, np.uint8)

    def get(self, offset: int, length: int) -> memoryview:
        return self._bytes[offset : offset + length].data


def in_parts(put: Put, get: Get) -> Way:
    """Return an echo that sends and fetches in parts; its small call only puts."""

    def echo(message: memoryview) -> memoryview:
        size = len(message)
        came = message[:0]
        for offset in range(0, size, PART_BYTES):
            put(offset, message[offset : offset + PART_BYTES], size)
        for offset in range(0, size, PART_BYTES):
            came = get(offset, min(PART_BYTES, size - offset))
        return came

    return Way(echo, lambda message: put(0, message, len(message)))
