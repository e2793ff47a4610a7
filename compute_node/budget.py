"""The bytes that the vectors of a node may hold: models that are needed, and results that may be needed again."""

from __future__ import annotations

from collections.abc import Callable

from rpc.errors import OutOfMemory


class Budget:
    """Counts what all coordinators have here together. What is spare makes room for the rest, the oldest first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._spare: dict[object, Callable[[], None]] = {}
        self.held_bytes = 0

    def take(self, size: int, name: str) -> None:
        """Count the bytes of a vector; raises OutOfMemory, counting nothing, if they are too many."""
        while self.held_bytes + size > self._max_bytes and self._spare:
            drop = self._spare.pop(next(iter(self._spare)))
            drop()
        if self.held_bytes + size > self._max_bytes:
            raise OutOfMemory(
                f"{name}: {size:,} bytes do not fit; this node's models and deltas hold {self.held_bytes:,} "
                f"of {self._max_bytes:,}"
            )
        self.held_bytes += size

    def give_back(self, size: int) -> None:
        self.held_bytes -= size

    def spare(self, what: object, drop: Callable[[], None]) -> None:
        """Let `drop`, which gives back the bytes of `what`, be called when room is needed."""
        self._spare[what] = drop

    def need(self, what: object) -> None:
        """Drop `what` no more; harmless if it was not spare."""
        self._spare.pop(what, None)
