"""What somebody is told who sees their own work alone: that others are before it, or at work, and not what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from coordinator.why.now import WorkNow

OTHERS = "work of others"


def without_others(now: WorkNow, is_theirs: Callable[[str], bool]) -> WorkNow:
    """Return the same without the ids of work, and of its tasks, that is not theirs."""
    ahead = _named(now.ahead, is_theirs)
    nodes = tuple(replace(node, tasks=_named(node.tasks, is_theirs)) for node in now.nodes)
    return replace(now, ahead=ahead, n_ahead=len(ahead), nodes=nodes)


def _named(ids: Iterable[str], is_theirs: Callable[[str], bool]) -> tuple[str, ...]:
    """Theirs, and once that there is more."""
    return tuple(dict.fromkeys(each if is_theirs(each.partition("/")[0]) else OTHERS for each in ids))
