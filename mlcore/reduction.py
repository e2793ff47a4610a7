"""The fixed binary tree in which a round's deltas are summed: the same additions in any order of arrival.

Pairwise summation (Higham 1993, section 3) over the shard index. `ReductionTree` is the index logic only, for vectors
that are added as they come; `tree_sum` does the same additions at once, for vectors that are all there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlcore.kernels.backend import FloatArray

Slot = tuple[int, int]  # (level, index); level 0 holds the shards


@dataclass(frozen=True, slots=True)
class Addition:
    """Add the vector held as `right` to the one held as `left`; the sum, still held as `left`, belongs into `slot`."""

    left: str
    right: str
    slot: Slot


class ReductionTree:
    """Says which two vectors to add next, as the slots of a tree over `n_leaves` shards fill.

    Two siblings are added as soon as both are there. The odd last slot of a level has no sibling and moves up alone,
    and so does the sibling of a leaf that was left out.
    """

    def __init__(self, n_leaves: int) -> None:
        if n_leaves < 1:
            raise ValueError(f"a tree needs at least one leaf, not {n_leaves}")
        self._widths = [n_leaves]
        while self._widths[-1] > 1:
            self._widths.append((self._widths[-1] + 1) // 2)
        self._arrived: dict[Slot, str | None] = {}
        self._filled: set[Slot] = set()
        self.root: str | None = None
        self.is_complete = False

    def fill(self, slot: Slot, holder: str) -> Addition | None:
        """Take note that `slot` is filled by the vector held as `holder`; return the addition this makes possible."""
        return self._rise(slot, holder)

    def leave_out(self, shard: int) -> Addition | None:
        """Take note that `shard` contributes nothing to this sum."""
        return self._rise((0, shard), None)

    def _rise(self, slot: Slot, holder: str | None) -> Addition | None:
        if slot in self._filled:
            raise ValueError(f"slot {slot} of the reduction tree is filled twice")
        self._filled.add(slot)
        level, index = slot
        while level < len(self._widths) - 1:
            sibling = (level, index ^ 1)
            if sibling[1] < self._widths[level]:
                if sibling not in self._arrived:
                    self._arrived[level, index] = holder
                    return None
                other = self._arrived.pop(sibling)
                if holder is not None and other is not None:
                    return Addition(*((holder, other) if index % 2 == 0 else (other, holder)), (level + 1, index // 2))
                holder = holder if holder is not None else other
            level, index = level + 1, index // 2
        self.root, self.is_complete = holder, True
        return None


def tree_sum(vectors: Sequence[FloatArray]) -> FloatArray:
    """Sum vectors of one shape by the tree's additions, in the memory of the first; all may be overwritten."""
    while len(vectors) > 1:
        for left, right in zip(vectors[::2], vectors[1::2], strict=False):  # an odd last one moves up alone
            left += right
        vectors = vectors[::2]
    return vectors[0]
