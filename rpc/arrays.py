"""NumPy arrays as the bytes that travel: a view, never a copy."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


def bytes_of(array: NDArray[Any]) -> memoryview:
    """The memory of a contiguous array as a flat view of bytes.

    Raises:
        TypeError: the array is not contiguous.
    """
    return memoryview(array).cast("B")  # type: ignore[arg-type]
