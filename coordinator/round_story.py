"""What is remembered of a round besides its figures: its critical path, how its first task was placed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coordinator.core.rounds import CriticalPath, RoundFigures
from coordinator.core.scores import Scores

_LEFT_OUT, _CRITICAL, _SCORES = "left_out", "critical", "scores"


def round_story(figures: RoundFigures, scores: Scores | None) -> Mapping[str, Any]:
    """Return it of plain types."""
    story: dict[str, Any] = {}
    if figures.left_out:
        story[_LEFT_OUT] = list(figures.left_out)
    critical = figures.critical
    if critical is not None:
        shard, node, *seconds = critical
        story[_CRITICAL] = [shard, node, *(round(each, 6) for each in seconds)]
    if scores is not None:
        story[_SCORES] = scores.as_json()
    return story


def critical_path(story: Mapping[str, Any]) -> CriticalPath | None:
    found = story.get(_CRITICAL)
    return CriticalPath(*found) if found else None


def first_scores(story: Mapping[str, Any]) -> Scores | None:
    """What the policy saw when the first task of the round was placed."""
    found = story.get(_SCORES)
    return Scores.of(found) if found else None


def left_out(story: Mapping[str, Any]) -> tuple[int, ...]:
    """The shards that came too late for the round."""
    return tuple(story.get(_LEFT_OUT, ()))
