"""Whether the owner of a node wants a script job on it: yes, no, or to be asked; by rules, the first that fits."""

from __future__ import annotations

import argparse
import operator
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple

from rpc.argument_types import size
from rpc.messages import ScriptSpec

_CONDITION = re.compile(r"([a-z]+)(<=|>=|=)(.+)")
_TEXTS: dict[str, Callable[[ScriptSpec], str]] = {
    "owner": lambda spec: spec.owner,
    "name": lambda spec: spec.name,
    "network": lambda spec: spec.network,
    "sandbox": lambda spec: spec.sandbox,
    "image": lambda spec: spec.image,
}
_NUMBERS: dict[str, Callable[[ScriptSpec], float]] = {
    "memory": lambda spec: spec.memory_bytes,
    "disk": lambda spec: spec.disk_bytes,
    "cpus": lambda spec: spec.cpus,
    "gpus": lambda spec: spec.gpus,
    "timeout": lambda spec: spec.timeout_s,
}
_COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


class Accept(StrEnum):
    """What happens to a job."""

    AUTO = "auto"
    ASK = "ask"
    NEVER = "never"


class Condition(NamedTuple):
    """One word of a rule, such as `owner=ann*` or `memory<=8GB`; a number that a job does not name is 0."""

    name: str
    sign: str
    value: str

    def holds(self, spec: ScriptSpec) -> bool:
        if self.name in _TEXTS:
            return fnmatchcase(_TEXTS[self.name](spec), self.value)
        return _COMPARE[self.sign](_NUMBERS[self.name](spec), _number(self.name, self.value))


class Rule(NamedTuple):
    """What happens to a job for which all conditions hold."""

    accept: Accept
    conditions: tuple[Condition, ...] = ()


def verdict(spec: ScriptSpec, rules: Iterable[Rule], otherwise: Accept) -> Accept:
    """What the rules say of a job."""
    fitting = (rule.accept for rule in rules if all(condition.holds(spec) for condition in rule.conditions))
    return next(fitting, otherwise)


def read_rules(text: str, file: str) -> tuple[Rule, ...]:
    """The rules of a file, one a line: `auto|ask|never CONDITION...`; `#` begins a comment.

    Raises:
        argparse.ArgumentTypeError: a line is none; says which, and what it may be.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] not in (*Accept,):
            raise argparse.ArgumentTypeError(f"{file}:{number}: must begin with {', '.join(Accept)}, not {words[0]!r}")
        conditions = tuple(_condition(word, f"{file}:{number}") for word in words[1:])
        found.append(Rule(Accept(words[0]), conditions))
    return tuple(found)


def _condition(word: str, place: str) -> Condition:
    match = _CONDITION.fullmatch(word)
    if match and match[1] in _TEXTS and match[2] == "=":
        return Condition(*match.groups())
    if match and match[1] in _NUMBERS:
        try:
            _number(match[1], match[3])
        except (ValueError, argparse.ArgumentTypeError) as error:
            raise argparse.ArgumentTypeError(f"{place}: {word!r}: {error}") from error
        return Condition(*match.groups())
    texts, numbers = ", ".join(f"{name}=" for name in _TEXTS), ", ".join(f"{name}<=" for name in _NUMBERS)
    raise argparse.ArgumentTypeError(f"{place}: {word!r} is no condition; there are {texts} and {numbers}")


def _number(name: str, text: str) -> float:
    return size(text) if name in ("memory", "disk") else float(text)
