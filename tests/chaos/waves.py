"""Wave after wave of runs, compared with the first one, which nobody disturbed."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

from tests.chaos.runs import Wave

_LOOK_S = 0.1
_MOST = 20.0  # times as long as undisturbed, and a minute: a wave that takes longer is stuck


class Waves:
    """Begins a wave whenever the one before is over, until `seconds` have passed and nothing is left to be done."""

    def __init__(self, server: tuple[str, int], calm: Wave, seconds: float, is_all_done: Callable[[], bool]) -> None:
        self._server = server
        self._is_all_done = is_all_done
        self.calm = calm
        self.done: list[Wave] = []
        self.flaws: list[str] = []
        self._expected = {each.plan.name: each.sha256 for each in calm.ended}
        self._end_at = time.monotonic() + seconds
        self._current = Wave(server, "wave 1")

    def are_over(self) -> bool:
        """Look at the wave that is under way; whether no more is to come, or something is wrong."""
        wave = self._current
        if wave.is_over:
            self._compare(wave)
            self.done.append(wave)
            if time.monotonic() >= self._end_at and self._is_all_done():
                return True
            self._current = Wave(self._server, f"wave {len(self.done) + 1}")
        elif time.monotonic() > wave.started_at + _MOST * self.calm.seconds + 60.0:
            self.flaws.append(f"{wave.name}: not over after {_MOST:g} times the undisturbed time: {wave.missing}")
        return bool(self.flaws)

    def _compare(self, wave: Wave) -> None:
        for each in wave.ended:
            who = f"{wave.name}, {each.plan.name} ({each.run})"
            if each.flaw:
                self.flaws.append(f"{who}: {each.flaw}")
            elif each.sha256 != self._expected[each.plan.name]:
                self.flaws.append(f"{who}: model {each.sha256[:16]}, undisturbed {self._expected[each.plan.name][:16]}")


def undisturbed(server: tuple[str, int], timeout_s: float = 300.0) -> Wave:
    """Run all plans while nobody is harmed."""
    wave, never = Wave(server, "undisturbed"), Event()
    while not wave.is_over:
        assert time.monotonic() < wave.started_at + timeout_s, f"undisturbed, and not over: {wave.missing}"
        never.wait(_LOOK_S)
    flaws = [f"undisturbed, {each.plan.name}: {each.flaw}" for each in wave.ended if each.flaw]
    assert not flaws, flaws[0]
    return wave
