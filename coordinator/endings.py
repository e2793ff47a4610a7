"""Work that is over: remembered first, then told to whoever waits for its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from coordinator.core.events import Event, Remembered
from coordinator.core.model import Work
from coordinator.journal import Journal

Remember = Callable[[Work, Callable[[], None]], None]


class Endings:
    """Everything runs on the loop's thread."""

    def __init__(
        self, journal: Journal, post: Callable[[Event], None], by_kind: Mapping[str, Remember], otherwise: Remember
    ) -> None:
        """Ends are remembered by what stands for the kind of the work; `post` tells the dispatcher when they are."""
        self._journal = journal
        self._by_kind = by_kind
        self._otherwise = otherwise
        self._post = post
        self.counts = Counter[str]()  # of ends since the start, by state
        self._waiting: dict[str, list[Callable[[Work], None]]] = {}

    def wait(self, work_id: str, callback: Callable[[Work], None]) -> None:
        """Call `callback` when the work is over, and that is committed."""
        self._waiting.setdefault(work_id, []).append(callback)

    def ended(self, work: Work) -> None:
        """The work is over."""

        def tell() -> None:
            work.is_remembered = True
            self.counts[work.state.value] += 1
            for callback in self._waiting.pop(work.id, []):
                callback(work)
            self._journal.changed(work.id)
            self._journal.changed(work.claim.array)
            self._post(Remembered(work.id, work.state))

        self._by_kind.get(work.workload.kind, self._otherwise)(work, tell)
