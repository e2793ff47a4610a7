"""What is to be done for a bundle's Dockerfile: the image that it begins with, and steps for `image_steps` to take."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compute_node.scripts.dockerfile import Instruction, bad
from compute_node.scripts.dockerfile_words import list_of, words_of

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELL = ("/bin/sh", "-c")
_ARCHIVE = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.\w+)$", re.IGNORECASE)
_ELSEWHERE = re.compile(r"^[a-z0-9+.-]+://|^git@|^//", re.IGNORECASE)
_SHOWN = 200  # characters of an instruction


@dataclass(slots=True)
class Plan:
    """What the steps are, and with which variables the image is left.

    Attributes:
        steps: objects for JSON, in order.
        variables: those that ENV has set.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


def base_of(instructions: Sequence[Instruction]) -> tuple[int, str]:
    """The line of FROM, and the image that it names.

    Raises:
        BadBundle: there is no telling, or FROM asks for more than an image.
    """
    variables: dict[str, str] = {}
    for each in instructions:
        if each.word == "FROM":
            return each.line, _image(each, _words(each, variables))
        variables.update(_argument(each, variables))
    raise bad(1, "has no FROM")


def plan_of(instructions: Sequence[Instruction], of_the_base: Mapping[str, str]) -> Plan:
    """The steps behind FROM, with the variables that the image has from its base.

    Raises:
        BadBundle: one asks for what is not done; says the line.
    """
    first = [each.word for each in instructions].index("FROM") + 1
    planning = _Planning(of_the_base)
    for each in instructions[first:]:
        planning.take(each)
    return planning.plan


class _Planning:
    def __init__(self, of_the_base: Mapping[str, str]) -> None:
        self.plan = Plan()
        self._base = dict(of_the_base)
        self._arguments: dict[str, str] = {}
        self._folder = "/"
        self._shell: Sequence[str] = _SHELL

    def take(self, each: Instruction) -> None:
        match each.word:
            case "ENV":
                self.plan.variables.update(_variables(each, self._variables))
            case "ARG":
                self._arguments.update(_argument(each, self._variables))
            case "SHELL":
                self._shell = _texts(each)
            case "WORKDIR":
                self._go(each)
            case "RUN":
                self._run(each)
            case _:
                self._copy(each)

    @property
    def _variables(self) -> dict[str, str]:
        return {**self._arguments, **self._base, **self.plan.variables}

    def _add(self, each: Instruction, **what: Any) -> None:
        shown = " ".join(f"{each.word} {each.rest}".split())[:_SHOWN]
        self.plan.steps.append({"line": each.line, "shown": shown, **what})

    def _go(self, each: Instruction) -> None:
        words = _words(each, self._variables)
        if len(words) != 1:
            raise bad(each.line, "WORKDIR names one folder")
        self._folder = posixpath.normpath(posixpath.join(self._folder, words[0]))
        self._add(each, make=self._folder)

    def _run(self, each: Instruction) -> None:
        if each.rest.startswith("--"):
            raise bad(each.line, f"{each.rest.split()[0].partition('=')[0]} of RUN is not known here")
        command = list_of(each.rest) or [*self._shell, each.rest]
        self._add(each, run=command, folder=self._folder, variables=self._variables)

    def _copy(self, each: Instruction) -> None:
        words = list_of(each.rest) or _words(each, self._variables)
        while words and words[0].startswith("--"):
            _check_flag(each, words.pop(0))
        if len(words) < 2:
            raise bad(each.line, f"{each.word} names files of the bundle and where they go")
        *sources, target = words
        for source in sources:
            _check_source(each, source)
        place = posixpath.join(self._folder, target)
        is_folder = target.endswith(("/", "/.")) or target == "." or len(sources) > 1
        self._add(each, copy=[source.lstrip("/") for source in sources], to=place, is_folder=is_folder)


def _image(each: Instruction, words: list[str]) -> str:
    is_named = len(words) == 3 and words[1].upper() == "AS"
    if not words or words[0].startswith("--") or not (len(words) == 1 or is_named):
        raise bad(each.line, "FROM names one image, and perhaps AS NAME; it takes no options")
    if not words[0] or words[0].lower() == "scratch":
        raise bad(each.line, "FROM must name an image that has Python 3")
    return words[0]


def _check_flag(each: Instruction, flag: str) -> None:
    name = flag.partition("=")[0]
    if name == "--from":
        raise bad(each.line, "--from: there is no other stage, and no other image is fetched")
    if name != "--chown":  # a job is another user than all of them
        raise bad(each.line, f"{name} of {each.word} is not known here")


def _check_source(each: Instruction, source: str) -> None:
    if _ELSEWHERE.search(source):
        raise bad(each.line, f"{source[:80]!r} is not in the bundle, and nothing is fetched")
    if ".." in source.split("/"):
        raise bad(each.line, f"{source[:80]!r} is not in the bundle")
    if each.word == "ADD" and _ARCHIVE.search(source):
        raise bad(each.line, "ADD unpacks no archives here; COPY it, and RUN tar")


def _variables(each: Instruction, known: Mapping[str, str]) -> dict[str, str]:
    words = _words(each, known)
    if "=" not in words[0]:  # the old form: ENV NAME the rest
        words = [f"{words[0]}={' '.join(words[1:])}"] if len(words) > 1 else words
    return dict(_pair(each, word) for word in words)


def _argument(each: Instruction, known: Mapping[str, str]) -> dict[str, str]:
    """Nobody gives a build arguments: each has its default, or nothing."""
    words = (word if "=" in word else f"{word}={known.get(word, '')}" for word in _words(each, known))
    return dict(_pair(each, word) for word in words)


def _pair(each: Instruction, word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise bad(each.line, f"{each.word} must be NAME=VALUE")
    return name, value


def _texts(each: Instruction) -> list[str]:
    found = list_of(each.rest)
    if not found:
        raise bad(each.line, f'{each.word} must be a list such as ["/bin/sh", "-c"]')
    return found


def _words(each: Instruction, variables: Mapping[str, str]) -> list[str]:
    try:
        return words_of(each.rest, variables)
    except ValueError as error:
        raise bad(each.line, str(error)) from error


def changes_of(plan: Plan) -> list[str]:
    """What an engine is told of the variables of the image, in its own words."""
    quoted = {name: json.dumps(value, ensure_ascii=False).replace("$", "\\$") for name, value in plan.variables.items()}
    return [f"ENV {name}={value}" for name, value in quoted.items()]
