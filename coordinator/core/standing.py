"""Work whose one task holds its place for long: it is pending until a node has taken it, and again when none has it."""

from __future__ import annotations

from coordinator.core.catalogue import Catalogue
from coordinator.core.events import Note
from coordinator.core.model import Attempt, Task, Work, WorkState


class Standing:
    """Says of such work whether it runs; of all other work that it does once it has begun."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def begun(self, work: Work, now: float) -> list[Note]:
        """Its turn has come."""
        self._catalogue.begin(work)
        return [] if work.claim.holds_place else self.taken(work, now)

    def taken(self, work: Work, now: float) -> list[Note]:
        """A node has it."""
        if work.state is not WorkState.PENDING:
            return []
        return [Note(each.state.value, "", each.id) for each in self._catalogue.run(work, now)]

    def accepted(self, found: tuple[Work, Task] | None, attempt: Attempt, now: float) -> list[Note]:
        """The node of an attempt says that it has the task; it may be another one's by now."""
        return self.taken(found[0], now) if found is not None and found[1].attempt == attempt else []

    def given_back(self, work: Work, reason: str, now: float) -> list[Note]:
        """The node that had it has not, and that is no failure."""
        if not work.claim.holds_place or work.state is not WorkState.RUNNING:
            return []
        self._catalogue.rest(work, now)
        return [Note(work.state.value, reason, work.id)]
