"""Loop and threads of one start of the coordinator, in virtual time: with its death all that is to come is gone."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from coordinator.views import Clock as WallClock
from rpc.aside import outcome_of
from tests.simulation.clock import Clock
from tests.simulation.schedule import CrashAt

T = TypeVar("T")

_SINCE_1970_S = 1_800_000_000.0


class SimTimer:
    """A call in the future, which can be cancelled until it is made."""

    def __init__(self, when: float) -> None:
        self.when = when
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class SimLoop:
    """What recorder and journal use of the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_alive = True

    @property
    def now(self) -> float:
        return self._clock.now

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> SimTimer:
        timer = SimTimer(self.now + delay_s)

        def call() -> None:
            if self.is_alive and not timer.is_cancelled:
                callback()

        self._clock.after(delay_s, call)
        return timer


class SimAside:
    """The thread of the store: `may_go_on` is asked at each place where the process may be killed."""

    def __init__(self, loop: SimLoop, rng: Random, may_go_on: Callable[[CrashAt], bool]) -> None:
        self._loop, self._rng, self._may_go_on = loop, rng, may_go_on

    def run(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        def step() -> None:
            if not self._may_go_on(CrashAt.UNWRITTEN):
                return
            outcome = outcome_of(work)
            if self._may_go_on(CrashAt.UNHEARD):
                self._loop.call_later(self._rng.uniform(0.0001, 0.003), lambda: done(outcome))

        self._loop.call_later(self._rng.uniform(0.0005, 0.01), step)


def wall_clock(clock: Clock) -> WallClock:
    """The clock on the wall, for the virtual time."""
    return WallClock(_SINCE_1970_S, lambda: clock.now)
