"""Harms one victim after another at random moments and heals it again: the same seed draws the same strikes."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from threading import Event

from tests.chaos.victims import ProgramVictim, Victim

_LOOK_S = 0.2  # how often somebody looks whether all is over, or a program has ended by itself
_SETTLES_S = 20.0  # how long after its database was away a coordinator may still end because of that


@dataclass(slots=True)
class Strike:
    """A victim was harmed; times are in seconds since 1970."""

    victim: str
    kind: str
    at: float
    healed_at: float = 0.0


@dataclass(slots=True)
class Mischief:
    """What is done to the victims, each of which lives `mean_life_s` on average.

    Every victim draws from a generator of its own, so that what befalls it does not depend on the clock.

    Attributes:
        soon_s: everything that can be done to a victim is done once within about that time.
    """

    seed: int
    mean_life_s: Mapping[Victim, float]
    soon_s: float
    strikes: list[Strike] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    gave_up: int = 0  # starts of the coordinator that ended because its database was away

    def run(self, is_over: Callable[[], bool]) -> None:
        """Strike until all is over or something is wrong; then heal everything."""
        agenda = _Agenda()
        open_strikes: dict[str, Strike] = {}
        rngs = {victim.name: Random(f"{self.seed} {victim.name}") for victim in self.mean_life_s}

        def strike(victim: Victim) -> None:
            at, rng = time.time(), rngs[victim.name]
            harm = victim.harm((self._left(victim) or [rng.choice(victim.kinds)])[0], rng)
            open_strikes[victim.name] = Strike(victim.name, harm.kind, at)
            self.strikes.append(open_strikes[victim.name])
            agenda.add(harm.lasts_s, partial(heal, victim))

        def heal(victim: Victim) -> None:
            victim.heal()
            open_strikes.pop(victim.name).healed_at = time.time()
            agenda.add(self._lives_s(victim, rngs[victim.name]), partial(strike, victim))

        for victim in self.mean_life_s:
            agenda.add(self._lives_s(victim, rngs[victim.name]), partial(strike, victim))
        while not is_over() and not self.flaws:
            agenda.go_on(_LOOK_S)
            self._look(open_strikes)
        for victim in self.mean_life_s:
            if victim.name in open_strikes:
                victim.heal()
                open_strikes[victim.name].healed_at = time.time()

    def is_all_done(self) -> bool:
        """Whether everything that can be done to a victim has been done to it."""
        return not any(map(self._left, self.mean_life_s))

    def _left(self, victim: Victim) -> list[str]:
        done = {strike.kind for strike in self.strikes if strike.victim == victim.name}
        return [kind for kind in victim.kinds if kind not in done]

    def _lives_s(self, victim: Victim, rng: Random) -> float:
        life_s = rng.expovariate(1.0 / self.mean_life_s[victim])
        if not self._left(victim):
            return life_s
        return min(life_s, rng.uniform(0.5, 1.0) * self.soon_s / len(set(victim.kinds)))

    def _look(self, open_strikes: Mapping[str, Strike]) -> None:
        """Nobody but us may end a program, but a coordinator may give up its start while its database is away."""
        for victim in self.mean_life_s:
            if not isinstance(victim, ProgramVictim) or victim.name in open_strikes:
                continue
            status = victim.child.exit_status
            if status is None:
                continue
            if victim.name == "coordinator" and not victim.child.serves.is_set() and self._database_was_away():
                self.gave_up += 1
                victim.heal()
            else:
                self.flaws.append(f"{victim.name} ended by itself ({status}): {victim.child.last_words()}")

    def _database_was_away(self) -> bool:
        since = time.time() - _SETTLES_S
        return any(
            strike.victim in ("disk", "sqlite", "postgresql") and (not strike.healed_at or strike.healed_at > since)
            for strike in self.strikes
        )


class _Agenda:
    """What is to be done when."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._never = Event()

    def add(self, in_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + in_s, next(self._numbers), action))

    def go_on(self, for_s: float) -> None:
        """Wait so long, or until the next action is due, and do what is due."""
        now = time.monotonic()
        wait_s = min(for_s, max(0.0, self._due[0][0] - now)) if self._due else for_s
        self._never.wait(wait_s)
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
