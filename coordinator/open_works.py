"""How many works an owner has: those that wait or run, and those that are on their way to the store."""

from __future__ import annotations

from collections.abc import Mapping

from coordinator.core.arrays import ScriptArray, array_of
from coordinator.core.model import Work
from coordinator.core.workload import Workload
from rpc.errors import TooMany


class OpenWorks:
    """Counts against `most` works of each owner (0: any number). Everything is called on the loop's thread.

    An array counts as many as it has members that have not ended, from the moment it is admitted.
    """

    def __init__(self, most: int, known: Mapping[str, Work]) -> None:
        """`known` are the works that have not ended, by id."""
        self._most = most
        self._known = known
        self._coming: dict[str, Workload] = {}  # submitted, and not known yet

    def admit(self, work: Workload) -> None:
        """Count it from now on. Raises TooMany, and does not, if its owner has too many."""
        if not self._most:
            return
        owner, n_new = work.claim.owner, _size(work)
        n_open = sum(_size(each) for each in self._coming.values() if each.claim.owner == owner)
        n_open += sum(
            _size(each.workload)
            for each in self._known.values()
            if each.claim.owner == owner and array_of(each.id) not in self._known
        )
        if n_open + n_new > self._most:
            raise TooMany(
                f"{owner or 'whoever names no owner'} has {n_open:,} runs and jobs that wait or run, and may have "
                f"{self._most:,} (--max-open-per-owner): {n_new:,} more are too many; wait for some to end, or cancel "
                "them"
            )
        self._coming[work.id] = work

    def settled(self, work: Workload) -> None:
        """What was admitted is known from here on, or came to nothing."""
        self._coming.pop(work.id, None)


def _size(work: Workload) -> int:
    return work.tasks_total - work.ended.counts.total() if isinstance(work, ScriptArray) else 1
