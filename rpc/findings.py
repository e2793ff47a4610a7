"""What programs find out about themselves and what is around them, and how that is told: `doctor`, `--check`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"  # it works, but somebody may want to know
    BAD = "bad"
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: what was looked at, a word or two.
        text: what was found.
        fix: what to do about it; empty: nothing.
    """

    about: str
    level: Level
    text: str
    fix: str = ""


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is bad."""
    return all(each.level is not Level.BAD for each in findings)


def lines_of(findings: Iterable[Finding]) -> list[str]:
    """A line for each, with one for its fix below."""
    found = list(findings)
    width = max((len(each.about) for each in found), default=0)
    lines = []
    for each in found:
        lines.append(f"{each.level:<7}  {each.about:<{width}}  {each.text}")
        if each.fix:
            lines.append(f"{'':7}  {'':{width}}  -> {each.fix}")
    return lines
