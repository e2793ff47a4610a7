"""Which nodes work may have: terms over their labels, as in `gpu>=1,arch=x86_64,memory_gb>=16`.

On the wire they are a map: LABEL to its value, or LABEL with a comparison at its end to what it is compared with.
What the coordinator asks of them is part of rpc.messages.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from rpc.errors import BadRequest

_TERM = re.compile(r"\s*([^<>=!,\s]+)\s*(>=|<=|!=|=|<|>)\s*([^<>=!,][^,]*?)\s*", re.ASCII)
_NAME = re.compile(r"([^<>=!]+)(>=|<=|!=|<|>)?")
_NUMBER = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?(?:([KMGT])(i?)B)?", re.ASCII)
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_POWERS = {unit: power for power, unit in enumerate("KMGT", 1)}
_SIZES = ("memory", "gpu-memory", "job-memory")
# Names that people expect: what the number is of, and its unit.
_MEANT = {"gpu": ("gpus", ""), "memory_gb": ("memory", "GB"), "gpu_memory_gb": ("gpu-memory", "GB")}


class _Term(NamedTuple):
    label: str
    comparison: str  # "": it is equal
    value: str


def selection(text: str) -> list[tuple[str, str]]:
    """Return the terms of `gpu>=1,arch=x86_64` as they are sent.

    Raises:
        BadRequest: one of them is none; says which.
    """
    terms: list[tuple[str, str]] = []
    for part in text.split(","):
        found = _TERM.fullmatch(part)
        if found is None:
            raise BadRequest(
                f"{part.strip()[:80]!r} selects no nodes; write LABEL=VALUE or LABEL>=NUMBER (or > < <= !=), such as"
                " gpu>=1,arch=x86_64,memory_gb>=16"
            )
        name, comparison, value = found.groups()
        terms.append((name if comparison == "=" else name + comparison, value))
    check_select(dict(terms))
    return terms


def check_select(select: Mapping[str, str]) -> None:
    """Raise BadRequest if a term cannot hold for any node, whatever its labels."""
    for name, value in select.items():
        term = _term(name, value)
        if term is None:
            raise BadRequest(f"select: {name[:80]!r} is no name of a label")
        if term.comparison in _COMPARISONS and number_of(term.value) is None:
            raise BadRequest(f"select: {name}{value[:80]} needs a number or a size, such as 16GB")
        if term.comparison in _COMPARISONS and term.label in _SIZES and "B" not in term.value:
            raise BadRequest(f"select: {name}{value[:80]} needs a unit, as in {name}{value[:80]}GB")


def selects(select: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether all terms hold for a node with these labels."""
    return all(_holds(term, labels) for term in _terms(tuple(select.items())))


def missing(select: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """The terms that do not hold, as people write them."""
    return [selected_by({name: value}) for name, value in sorted(select.items()) if not selects({name: value}, labels)]


def selected_by(select: Mapping[str, str]) -> str:
    """The terms as people write them."""
    return ", ".join(f"{name}{'' if name[-1:] in '<>=' else '='}{value}" for name, value in sorted(select.items()))


def number_of(text: str) -> float | None:
    """The number in `4`, `1.5`, `16GB` or `31.2 GiB`; None if it is none."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    number, unit, binary = found.groups()
    return float(number) * float((1024 if binary else 1000) ** _POWERS.get(unit, 0))


@lru_cache(maxsize=256)
def _terms(items: tuple[tuple[str, str], ...]) -> tuple[_Term, ...]:
    return tuple(_term(name, value) or _Term(name, "", value) for name, value in items)


def _term(name: str, value: str) -> _Term | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    label, comparison = found[1], found[2] or ""
    if comparison in _COMPARISONS and label in _MEANT:
        label, unit = _MEANT[label]
        value += unit
    return _Term(label, comparison, value)


def _holds(term: _Term, labels: Mapping[str, str]) -> bool:
    found = labels.get(term.label)
    if not term.comparison:
        return found == term.value
    if term.comparison == "!=":
        return found != term.value
    left, right = number_of(found or "0"), number_of(term.value)
    return left is not None and right is not None and _COMPARISONS[term.comparison](left, right)
