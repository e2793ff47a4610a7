"""How long what was harmed took to be well again, and how long it may: the bounds that a session must keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from tests.chaos.fleet import LEASE_S, Fleet
from tests.chaos.mischief import Strike
from tests.chaos.traces import Lost, percentile, reassignments, starts
from tests.chaos.waves import Waves

# On two cores that all eight nodes share; at rest each of them is a fraction of that.
# p99 from a node's death until its task runs elsewhere: closed connections tell of it at once, but a network that is
# silent meanwhile hides that until the lease ends.
MOST_KILLED_S = LEASE_S + 5.0
MOST_PAUSED_S = LEASE_S + 6.0  # the same of a node that is paused: its lease has to end first
MOST_SERVES_S = 5.0  # median of a killed coordinator's start until it serves; of a few starts it says little, for one
FEW = (
    5  # may meet a locked database or a full disk, or be paused itself: then the longest counts, and may be as long as
)
MOST_FEW_S = 12.0
MOST_WORKS_S = 15.0  # median of the same until a task runs
MOST_RATIO = 15.0  # of a disturbed wave to the undisturbed one, on average


@dataclass(frozen=True)
class Figures:
    """What was measured; each list may be empty."""

    lost: Sequence[Lost]
    serves_s: Sequence[float]
    works_s: Sequence[float]
    ratios: Sequence[float]

    def times(self, kind: str) -> list[float]:
        """Of tasks whose node was killed or paused: the seconds until they ran elsewhere."""
        return [each.elsewhere_s for each in self.lost if each.kind == kind]

    def flaws(self) -> list[str]:
        """The bounds that were not kept."""
        return [f"{what}: {value:.2f}, above {most:g}" for what, value, most in self._bounded() if value > most]

    def _bounded(self) -> Iterator[tuple[str, float, float]]:
        for kind, most in (("killed", MOST_KILLED_S), ("paused", MOST_PAUSED_S)):
            if times := self.times(kind):
                yield f"p99 of the seconds until a {kind} node's task ran elsewhere", percentile(times, 0.99), most
        if len(self.serves_s) >= FEW:
            yield "median seconds until a killed coordinator served", median(self.serves_s), MOST_SERVES_S
        elif self.serves_s:
            yield "longest time until a killed coordinator served", max(self.serves_s), MOST_FEW_S
        if self.works_s:
            yield "median seconds until a killed coordinator had a task running", median(self.works_s), MOST_WORKS_S
        if self.ratios:
            yield "mean of disturbed to undisturbed time", mean(self.ratios), MOST_RATIO


def figures(fleet: Fleet, strikes: Sequence[Strike], waves: Waves) -> Figures:
    """Read them from the logs of a session."""
    children = fleet.coordinator.children[1:]
    return Figures(
        lost=reassignments(fleet.logs, [node.name for node in fleet.nodes], strikes),
        serves_s=[child.serves_after_s for child in children if child.serves.is_set()],
        works_s=list(_until_work(fleet, strikes)),
        ratios=[wave.seconds / waves.calm.seconds for wave in waves.done],
    )


def _until_work(fleet: Fleet, strikes: Sequence[Strike]) -> Iterator[float]:
    all_starts = sorted(at for node in fleet.nodes for at, _ in starts(fleet.logs, node.name))
    for strike in strikes:
        if (strike.victim, strike.kind) == ("coordinator", "killed"):
            after = next((at - strike.healed_at for at in all_starts if at > strike.healed_at), None)
            if after is not None:
                yield after
