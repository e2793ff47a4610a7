"""What a session of chaos came to, in lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from tests.chaos.figures import Figures
from tests.chaos.fleet import Fleet
from tests.chaos.mischief import Mischief
from tests.chaos.traces import percentile
from tests.chaos.waves import Waves


@dataclass(frozen=True)
class Session:
    """All there is to tell of."""

    fleet: Fleet
    mischief: Mischief
    waves: Waves
    figures: Figures
    claims: float  # tasks a second


def report(session: Session) -> Iterator[str]:
    """The lines."""
    waves, ratios = session.waves, session.figures.ratios
    counts = Counter((strike.victim.partition("-")[0], strike.kind) for strike in session.mischief.strikes)
    yield f"{session.fleet.store}: {', '.join(f'{victim} {kind} {n}' for (victim, kind), n in sorted(counts.items()))}"
    if session.mischief.gave_up:
        yield f"  starts of the coordinator without its database: {session.mischief.gave_up}"
    runs = sum(len(wave.ended) for wave in waves.done)
    yield f"  {runs} runs in {len(waves.done)} waves: all ended, every model is the undisturbed one"
    yield (
        f"  a wave takes {waves.calm.seconds:.1f} s undisturbed, {mean(ratios):.2f} times as long disturbed"
        f" (shortest {min(ratios):.2f}, longest {max(ratios):.2f})"
    )
    for kind in ("killed", "paused"):
        yield from _elsewhere(kind, session.figures.times(kind))
    yield from _resumed(session.figures)
    yield f"  tasks placed in a second, undisturbed: {session.claims:.0f}"


def _elsewhere(kind: str, times: Sequence[float]) -> Iterator[str]:
    if times:
        yield (
            f"  from a node's being {kind} until its task runs elsewhere: p50 {percentile(times, 0.5):.2f} s,"
            f" p99 {percentile(times, 0.99):.2f} s ({len(times)} tasks)"
        )


def _resumed(figures: Figures) -> Iterator[str]:
    serves, works = figures.serves_s, figures.works_s
    if serves:
        yield f"  a killed coordinator serves {median(serves):.2f} s after its start (longest {max(serves):.2f})"
    if works:
        yield f"  and has a task running after {median(works):.2f} s (longest {max(works):.2f})"
