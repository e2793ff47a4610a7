"""What the logs of the programs tell: how soon a lost task ran elsewhere, and how many tasks were placed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.chaos.mischief import Strike

_LINE = re.compile(r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<level>[A-Z]+) \S+: (?P<said>.*)")
_CENTRAL = ("coordinator", "disk", "sqlite", "postgresql")
_STARTED = re.compile(r"task (?P<task>\S+)#\d+: (started|its result was kept|goes on as)")


@dataclass(frozen=True)
class Lost:
    """A task whose node was killed or paused: seconds from that until its start elsewhere."""

    kind: str
    elsewhere_s: float


def lines(folder: Path, name: str) -> Iterator[tuple[float, str]]:
    """The lines of all logs of a program: when (seconds since 1970) and what."""
    for log in sorted(folder.glob(f"{name}.*.log")):
        for line in log.read_text(errors="replace").splitlines():
            found = _LINE.match(line)
            if found is not None:
                at = datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S,%f").timestamp()
                yield at, found["said"]


def starts(folder: Path, node: str) -> list[tuple[float, str]]:
    """When the node started which task."""
    found = ((at, _STARTED.match(said)) for at, said in lines(folder, node))
    return [(at, match["task"]) for at, match in found if match is not None]


def reassignments(folder: Path, nodes: Sequence[str], strikes: Sequence[Strike]) -> list[Lost]:
    """What became of the task that each harmed node had last: those that it had finished start nowhere else.

    Strikes during which the coordinator was away too, or came back, say nothing of the coordinator and are left out.
    """
    by_node = {node: starts(folder, node) for node in nodes}
    away = [strike for strike in strikes if strike.victim in _CENTRAL]
    found: list[Lost] = []
    for strike in strikes:
        mine = by_node.get(strike.victim, [])
        place = bisect_left(mine, (strike.at, ""))
        if not place:
            continue
        task = mine[place - 1][1]
        elsewhere = [at for node in nodes if node != strike.victim for at, name in by_node[node] if name == task]
        after = min((at for at in elsewhere if at > strike.at), default=None)
        if after is not None and not any(each.at < after and each.healed_at + 5.0 > strike.at for each in away):
            found.append(Lost(strike.kind, after - strike.at))
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as this share of them; values must not be empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
