"""What a session of chaos came to, in lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from tests.chaos.fleet import Fleet
from tests.chaos.mischief import Mischief, Strike
from tests.chaos.traces import Lost, percentile, reassignments, starts
from tests.chaos.waves import Waves


@dataclass(frozen=True)
class Session:
    """All there is to tell of."""

    fleet: Fleet
    mischief: Mischief
    waves: Waves
    claims: float  # tasks a second


def report(session: Session) -> Iterator[str]:
    """The lines."""
    fleet, waves, strikes = session.fleet, session.waves, session.mischief.strikes
    counts = Counter((strike.victim.partition("-")[0], strike.kind) for strike in strikes)
    yield f"{fleet.store}: {', '.join(f'{victim} {kind} {n}' for (victim, kind), n in sorted(counts.items()))}"
    if session.mischief.gave_up:
        yield f"  starts of the coordinator without its database: {session.mischief.gave_up}"
    runs = sum(len(wave.ended) for wave in waves.done)
    ratios = [wave.seconds / waves.calm.seconds for wave in waves.done]
    yield f"  {runs} runs in {len(waves.done)} waves: all ended, every model is the undisturbed one"
    yield (
        f"  a wave takes {waves.calm.seconds:.1f} s undisturbed, {mean(ratios):.2f} times as long disturbed"
        f" (shortest {min(ratios):.2f}, longest {max(ratios):.2f})"
    )
    yield from _reassigned(reassignments(fleet.logs, [node.name for node in fleet.nodes], strikes))
    yield from _resumed(fleet, strikes)
    yield f"  tasks placed in a second, undisturbed: {session.claims:.0f}"


def _reassigned(lost: Sequence[Lost]) -> Iterator[str]:
    for kind in ("killed", "paused"):
        times = [each.elsewhere_s for each in lost if each.kind == kind]
        if times:
            yield (
                f"  from a node's being {kind} until its task runs elsewhere: p50 {percentile(times, 0.5):.2f} s,"
                f" p99 {percentile(times, 0.99):.2f} s ({len(times)} tasks)"
            )


def _resumed(fleet: Fleet, strikes: Sequence[Strike]) -> Iterator[str]:
    serves = [child.serves_after_s for child in fleet.coordinator.children[1:] if child.serves.is_set()]
    if not serves:
        return
    healed = [each.healed_at for each in strikes if (each.victim, each.kind) == ("coordinator", "killed")]
    all_starts = sorted(at for node in fleet.nodes for at, _ in starts(fleet.logs, node.name))
    works = [next((at - since for at in all_starts if at > since), None) for since in healed]
    known = [each for each in works if each is not None]
    yield f"  a killed coordinator serves {median(serves):.2f} s after its start (longest {max(serves):.2f})" + (
        f", and has a task running after {median(known):.2f} s (longest {max(known):.2f})" if known else ""
    )
