"""Work that comes after other work: it begins once that has ended, and is over if that did not end as it must."""

from __future__ import annotations

from collections.abc import Mapping

from coordinator.core.model import Work, WorkState
from coordinator.core.workload import End
from rpc.errors import FailureKind

_HOW = {WorkState.FAILED: "failed", WorkState.CANCELLED: "was cancelled"}


class Predecessors:
    """Which works wait for the ends of which. An end counts once it is committed: else a restart could undo it."""

    def __init__(self, works: Mapping[str, Work]) -> None:
        """`works` are those that the dispatcher knows, by id."""
        self._works = works
        self._successors: dict[str, list[str]] = {}  # by work that has not ended

    def submitted(self, work: Work, ends: Mapping[str, WorkState]) -> End | None:
        """Note what the work waits for; return why it never begins, if that is so.

        Args:
            ends: of what it comes after and is not known here.
        """
        for work_id, any_end in work.claim.after:
            known = self._works.get(work_id)
            if known is not None and not known.is_remembered:
                work.awaits[work_id] = any_end
                self._successors.setdefault(work_id, []).append(work.id)
                continue
            obstacle = _obstacle(work_id, ends[work_id] if known is None else known.state, any_end)
            if obstacle is not None:
                return obstacle
        return None

    def remembered(self, work_id: str, state: WorkState) -> list[tuple[Work, End | None]]:
        """An end is committed; return the works that waited for it, with why each never begins, if that is so."""
        verdicts: list[tuple[Work, End | None]] = []
        for each in self._successors.pop(work_id, ()):
            work = self._works.get(each)
            if work is not None and work_id in work.awaits:
                any_end = work.awaits.pop(work_id)
                verdicts.append((work, _obstacle(work_id, state, any_end)))
        return verdicts


def _obstacle(work_id: str, state: WorkState, any_end: bool) -> End | None:
    if any_end or state is WorkState.COMPLETED:
        return None
    return End(FailureKind.DEPENDENCY, f"{work_id}, which it comes after, {_HOW[state]}")
