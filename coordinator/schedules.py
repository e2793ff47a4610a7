"""Script jobs that are started again and again, at the times of cron expressions.

Each time has a key of its own among the jobs, so that over any restart there is one job for it. Of the times that
passed while no coordinator ran the last one alone is made up for. A schedule goes on as long as the token by which it
was made holds: who has stolen one leaves nothing behind that runs after it is revoked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import TypeAlias

from coordinator.core.dispatcher import Dispatcher
from coordinator.cron_times import check_cron, last_until, next_after
from coordinator.permissions import sees_only, token_of
from coordinator.store.changes import Change, ScheduleKept, ScheduleRemoved
from rpc.codec import from_bytes, to_bytes
from rpc.errors import BadRequest, NotFound, Refused, TrainerError
from rpc.loop import Loop, Timer
from rpc.messages import Schedule, ScriptSpec
from rpc.server import Caller, Later

Remember: TypeAlias = Callable[[Callable[[], None], Change], None]  # calls the first once the second is committed

_MOST = 1000
_LOOK_S = 30.0  # a clock may be set meanwhile

logger = logging.getLogger(__name__)


class Schedules:
    """Everything is called on the loop's thread."""

    def __init__(
        self,
        loop: Loop,
        remember: Remember,
        submit: Callable[[ScriptSpec], Later],
        dispatcher: Dispatcher,
        *,
        holds: Callable[[str], bool],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`submit` starts a job and answers with its id; `dispatcher` tells whether it has ended; `holds` of a token's
        id whether it still holds.
        """
        self._loop = loop
        self._remember = remember
        self._submit = submit
        self._dispatcher = dispatcher
        self._holds = holds
        self._now_s = now_s
        self._known: dict[str, Schedule] = {}
        self._starting: set[str] = set()
        self._timer: Timer | None = None

    def recall(self, bodies: Sequence[bytes]) -> None:
        """Go on with those that were there before this start."""
        for each in (from_bytes(Schedule, body) for body in bodies):
            self._known[each.id] = each
        self._look()

    def all(self, owner: str | None = None) -> tuple[Schedule, ...]:
        """All of them; with `owner`, those of that one."""
        return tuple(each for each in self._known.values() if owner in (None, each.spec.owner))

    def add(self, name: str, spec: ScriptSpec, cron: str, zone: str, *, overlaps: bool, token: str = "") -> Later:
        """Start the job from now on; answered with the schedule, or with the one that its owner made with the same key.

        Args:
            name: an id that no other schedule has.
            token: id of the one that it needs; empty: none.

        Raises:
            BadRequest: the expression or the time zone is none, or names no time that will ever come.
            Refused: there are too many.
        """
        check_cron(cron, zone)
        if spec.after:
            raise BadRequest("a job that comes after others cannot be started again and again; leave --after out")
        now_ms = self._now_ms()
        next_ms = next_after(cron, zone, now_ms)
        if not next_ms:
            raise BadRequest(f"{cron!r} names no time that will ever come")
        same = (each for each in self._known.values() if spec.key and _key(each.spec) == _key(spec))
        answer = Later()
        if (known := next(same, None)) is not None:
            answer.resolve(known)
            return answer
        if len(self._known) >= _MOST:
            raise Refused(f"there are {_MOST} schedules; remove one first")
        made = Schedule(name, spec, cron, zone, overlaps, made_ms=now_ms, next_ms=next_ms, token=token)
        return self._keep(made)

    def order(self, name: str, order: str, owner: str | None = None, *, token: str = "") -> Later:
        """Pause, resume or remove a schedule; answered with what it is now, or was.

        Who resumes one vouches for it from then on, with the token of this id.

        Raises:
            NotFound: none has this id, or with `owner`: none of that one.
            BadRequest: there is no such order.
        """
        known = self._known.get(name)
        if known is None or owner not in (None, known.spec.owner):
            raise NotFound(f"no schedule is called {name!r}; `client.py schedules list` lists them")
        if order == "remove":
            del self._known[name]
            answer = Later()
            self._remember(lambda: answer.resolve(known), ScheduleRemoved(name))
            return answer
        if order not in ("pause", "resume"):
            raise BadRequest(f"a schedule can be told to pause, resume or remove, not {order[:100]!r}")
        # What passed meanwhile was not wanted.
        next_ms = next_after(known.cron, known.zone, self._now_ms())
        if order == "pause":
            return self._keep(replace(known, paused=True, next_ms=next_ms))
        return self._keep(replace(known, paused=False, next_ms=next_ms, token=token, fault=""))

    def _keep(self, schedule: Schedule) -> Later:
        self._known[schedule.id] = schedule
        spec, answer = schedule.spec, Later()
        blobs = (spec.bundle.blob, *(file.blob for file in spec.datasets))
        change = ScheduleKept(schedule.id, schedule.made_ms, to_bytes(schedule), blobs)
        self._remember(lambda: answer.resolve(schedule), change)
        self._look()
        return answer

    def _look(self) -> None:
        """Start what is due, and look again when the next is."""
        now_ms = self._now_ms()
        for each in [each for each in self._known.values() if _is_active(each) and each.next_ms <= now_ms]:
            if each.id not in self._starting and self._known.get(each.id) is each:
                self._start(each, now_ms)
        waits = [each.next_ms - now_ms for each in self._known.values() if _is_active(each)]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if waits:
            self._timer = self._loop.call_later(min(_LOOK_S, max(0.1, min(waits) / 1000.0)), self._look)

    def _start(self, due: Schedule, now_ms: int) -> None:
        at_ms = max(due.next_ms, last_until(due.cron, due.zone, now_ms))
        told = replace(due, last_ms=at_ms, next_ms=next_after(due.cron, due.zone, max(at_ms, now_ms)), fault="")
        if due.token and not self._holds(due.token):
            why = f"the token {due.token} by which it was made holds no more; who resumes it lets it go on by their own"
            logger.warning("%s: nothing is started: %s", due.id, why)
            self._keep(replace(told, paused=True, fault=why))
            return
        if due.last_job and not due.overlaps and not self._is_over(due.last_job):
            self._keep(replace(told, fault=f"{due.last_job} was not over; nothing was started"))
            return
        self._starting.add(due.id)
        # It waits in the queue, even for a node that nobody knows yet.
        answer = self._submit(replace(due.spec, key=f"{due.id}@{at_ms}", force_queue=True))

        def started(job: str | None, error: Exception | None) -> None:
            self._starting.discard(due.id)
            now = self._known.get(due.id)
            if now is None:
                return  # removed meanwhile
            done = replace(told, paused=now.paused)
            if job is not None:
                logger.info("%s: %s is started", due.id, job)
                self._keep(replace(done, last_job=job))
            elif isinstance(error, TrainerError) and error.code != "store_down":
                logger.warning("%s: nothing is started: %s", due.id, error)
                self._keep(replace(done, fault=str(error)))
            # Where the store is down it stays due, with the same key.

        answer.then(started)

    def _is_over(self, job: str) -> bool:
        work = self._dispatcher.work.get(job)
        return work is None or work.state.is_final

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000.0)


class ScheduleCalls:
    """What the calls about schedules do: a part of the coordinator's handler."""

    def __init__(self, schedules: Schedules, check: Callable[[ScriptSpec], None]) -> None:
        """`check` raises an error for a job that makes no sense, or whose files are not here."""
        self._schedules = schedules
        self._check_script = check

    def recall_schedules(self, bodies: Sequence[bytes]) -> None:
        """Go on with those that were there before this start; called once the jobs are known."""
        self._schedules.recall(bodies)

    def add_schedule(self, caller: Caller, spec: ScriptSpec, cron: str, zone: str, overlaps: bool) -> Later:
        self._check_script(spec)
        return self._schedules.add(
            f"schedule-{token_hex(4)}", spec, cron, zone, overlaps=overlaps, token=token_of(caller)
        )

    def list_schedules(self, caller: Caller) -> tuple[Schedule, ...]:
        return self._schedules.all(sees_only(caller))

    def order_schedule(self, caller: Caller, id: str, order: str) -> Later:
        return self._schedules.order(id, order, sees_only(caller), token=token_of(caller))


def _is_active(schedule: Schedule) -> bool:
    return schedule.next_ms > 0 and not schedule.paused


def _key(spec: ScriptSpec) -> tuple[str, str]:
    return spec.owner, spec.key
