"""Arrays of script jobs: their members are taken up, and cancelled, so few in a turn of the loop that nobody waits."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from coordinator.array_rows import Members, ends, submission
from coordinator.core.arrays import ScriptArray, array_of
from coordinator.core.events import CancelAsked, Event, Submitted
from coordinator.core.model import Work, WorkState
from coordinator.recorder import Recorder
from coordinator.views import Clock
from rpc.errors import BadRequest, TrainerError
from rpc.loop import Loop
from rpc.server import Later

logger = logging.getLogger(__name__)

_SLICE = 100  # members in one turn of the loop: a few milliseconds


class Arrays:
    """Everything is called on the loop's thread."""

    def __init__(
        self,
        loop: Loop,
        recorder: Recorder,
        clock: Clock,
        *,
        take_up: Callable[[Submitted], None],
        post: Callable[[Event], None],
    ) -> None:
        """`take_up` has a member done that is remembered."""
        self._loop = loop
        self._recorder = recorder
        self._clock = clock
        self._take_up = take_up
        self._post = post
        self._turns: deque[Iterator[object]] = deque()
        self._coming: set[str] = set()  # arrays whose members are not all here yet

    def submitted(self, array: ScriptArray, at_ms: int, done: Callable[[bool], None]) -> None:
        """An array was handed in; see `JobRows.submitted`."""
        change = submission(array, at_ms)
        self._recorder.add(change, done=lambda late: done(change in late), at_once=True)

    def bring_members(self, array: ScriptArray, at: float, lease_s: float) -> None:
        """Have the members of an array done that was submitted at `at`, and is remembered with them.

        Args:
            lease_s: how long a node goes on with one that the coordinator does not hear of.
        """
        self._coming.add(array.id)
        self._in_turns(self._members(array, at, lease_s))

    def end_members(self, array: Work, reason: str) -> None:
        """Cancel all that have not ended."""
        self._in_turns(self._cancels(array, reason))

    def ended(self, work: Work, done: Callable[[], None]) -> None:
        """An array is over; `done` is called once that is committed."""
        self._recorder.add(*ends(work, self._clock), done=lambda late: done(), at_once=True)

    def is_coming(self, work_id: str) -> bool:
        """Whether this is a member that may be stored and not yet here."""
        return array_of(work_id) in self._coming

    def when_here(self, ask: Callable[[], object]) -> Later:
        """What `ask` answers once all members are here that were submitted until now."""
        answer = Later()

        def turn() -> Iterator[None]:
            try:
                found = ask()
            except TrainerError as error:
                answer.fail(error)
            else:
                answer.follow(found) if isinstance(found, Later) else answer.resolve(found)
            yield

        self._in_turns(turn())
        return answer

    def _members(self, array: ScriptArray, at: float, lease_s: float) -> Iterator[None]:
        members = Members(array.id, array.spec)
        indexes = iter(members.indexes)
        while some := list(islice(indexes, _SLICE)):
            for index in some:
                self._take_up(Submitted(members.job(index, lease_s=lease_s), at))
            yield
        self._coming.discard(array.id)

    def _cancels(self, work: Work, reason: str) -> Iterator[None]:
        """First those that wait, so that none of them gets the place of one that runs."""
        array = work.workload
        assert isinstance(array, ScriptArray)
        members = iter(sorted(array.open.values(), key=lambda member: member.state is not WorkState.PENDING))
        while some := list(islice(members, _SLICE)):
            for member in some:
                self._post(CancelAsked(member.id, reason))
            yield

    def _in_turns(self, steps: Iterator[object]) -> None:
        self._turns.append(steps)
        if len(self._turns) == 1:
            self._loop.post(self._turn)

    def _turn(self) -> None:
        try:
            next(self._turns[0])
        except StopIteration:
            self._turns.popleft()
        except Exception:  # the top of a turn: what comes after it must not be lost with it
            logger.exception("something of an array failed unexpectedly")
            self._turns.popleft()
        if self._turns:
            self._loop.post(self._turn)


def check_is_single(work: Work | None) -> None:
    """Raise BadRequest for an array where one of its jobs must be named."""
    if work is not None and isinstance(work.workload, ScriptArray):
        raise BadRequest(f"{work.id} is an array of jobs; name one of them, as in {work.id}/1")
