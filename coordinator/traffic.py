"""How many bytes went to nodes and came from them: for each work that is known, and in all."""

from __future__ import annotations


class Traffic:
    """Counts are pairs: sent, received."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[int, int]] = {}
        self._forgotten = (0, 0)

    def of(self, work_id: str) -> tuple[int, int]:
        """What went for a work so far."""
        return self._of.get(work_id, (0, 0))

    def add(self, work_id: str, sent: int, received: int) -> None:
        before = self._of.get(work_id, (0, 0))
        self._of[work_id] = (before[0] + sent, before[1] + received)

    def forget(self, work_id: str) -> None:
        """Nobody can ask for this work any more; it stays in the sum."""
        sent, received = self._of.pop(work_id, (0, 0))
        self._forgotten = (self._forgotten[0] + sent, self._forgotten[1] + received)

    def total(self) -> tuple[int, int]:
        """What went for all work; it never becomes less."""
        pairs = (self._forgotten, *self._of.values())
        return sum(sent for sent, _ in pairs), sum(received for _, received in pairs)
