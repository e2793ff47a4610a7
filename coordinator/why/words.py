"""Durations, lists and scores as people say them."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator.core.policies import Candidate
from coordinator.core.scores import Scores


def seconds(value: float) -> str:
    """Return a duration, as exact as it is worth saying."""
    if value >= 5400:
        return f"{value / 3600:.1f} h"
    if value >= 90:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 10 else f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """Return the names with commas between them; of very many the first and how many there are besides."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def seen_by_policy(scores: Scores) -> str:
    """Return what a policy saw when it chose."""
    slots = f"{counted(scores.free_slots, 'free slot')} on {counted(scores.nodes, 'node')}"
    best = ", then ".join(map(_candidate, scores.best)) or "none that suits"
    return f"{scores.policy} saw {slots} and takes {_TAKES.get(scores.policy, 'the first of')} {best}"


_TAKES = {
    "load-balancing": "the node that should be done first:",
    "round-robin": "the next in turn:",
    "random": "any of:",
}


def _candidate(node: Candidate) -> str:
    speed = f", {seconds(node.service_s)} a task" if node.service_s else ""
    return f"{node.id} ({node.running} of {node.slots} busy{speed})"
