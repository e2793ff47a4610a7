"""When the coordinator is killed: at planned times, at once or at the next place of the planned kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from tests.simulation.clock import Clock
from tests.simulation.schedule import CrashAt, CrashPlan, Schedule


class Crashes:
    """Asks `crash` to kill the coordinator, which is to be down for so many seconds."""

    def __init__(self, schedule: Schedule, clock: Clock, crash: Callable[[float], bool]) -> None:
        """`crash` says whether there was a coordinator to kill."""
        self.strikes: Counter[CrashAt] = Counter()
        self._crash = crash
        self._armed: CrashPlan | None = None
        self._has_stopped = False
        for plan in schedule.crashes:
            clock.after(plan.at, partial(self._arm, plan), is_background=True)

    def stop(self) -> None:
        """No more of them."""
        self._armed, self._has_stopped = None, True

    def may_go_on(self, where: CrashAt) -> bool:
        """Whether the coordinator lives on where it has come to."""
        plan = self._armed
        if plan is None or plan.where is not where:
            return True
        self._armed = None
        self._strike(plan)
        return False

    def _arm(self, plan: CrashPlan) -> None:
        if self._has_stopped:
            return
        if plan.where is CrashAt.ANYWHERE:
            self._strike(plan)
        else:
            self._armed = plan

    def _strike(self, plan: CrashPlan) -> None:
        if self._crash(plan.down_s):
            self.strikes[plan.where] += 1
