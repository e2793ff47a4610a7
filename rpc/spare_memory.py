"""Memory of vectors, used again: fresh memory of a large one costs more than most arithmetic on it."""

from __future__ import annotations

from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

_LARGE_BYTES = 1 << 20  # what is smaller is kept by malloc


class SpareMemory:
    """Hands out vectors of one size; the memory of one comes back when nothing refers to it or to a view of it.

    It holds as many vectors as were ever in use at once, until it is dropped or cleared itself.
    `take` and `clear` are for one thread; vectors may end on any.
    """

    def __init__(self) -> None:
        self._spare: list[memoryview] = []
        self._size = 0

    def take(self, length: int, dtype: str) -> NDArray[Any]:
        """Return a vector of shape (length,) with anything in it."""
        size = length * np.dtype(dtype).itemsize
        if size < _LARGE_BYTES:
            return np.empty(length, dtype)
        if size != self._size:
            self.clear()
            self._size = size
        spare = self._spare  # this very list: what comes back to it after `clear` is dropped with it
        try:
            block = spare.pop()
        except IndexError:
            block = np.empty(size, np.uint8).data
        vector = np.frombuffer(block, dtype)
        finalize(vector, spare.append, block).atexit = False
        return vector

    def clear(self) -> None:
        """Give back to the system what is not in use, and later what is."""
        spare, self._spare = self._spare, []
        spare.clear()
