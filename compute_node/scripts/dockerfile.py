"""The Dockerfile of a bundle, read strictly: what would fetch something, or is not known, is refused by its line.

The engine's own builder never sees it. That one fetches what FROM, COPY --from, ADD and `# syntax=` name through the
network of the engine, whatever network the build itself has.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rpc.errors import BadBundle

NAME = "Dockerfile"
MAX_BYTES = 64 << 10
MAX_STEPS = 100
# They say how a container is run, which is the node's to say, or describe an image.
UNUSED = frozenset(
    ("CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "STOPSIGNAL", "USER", "VOLUME")
)
_STEPS = frozenset(("ADD", "ARG", "COPY", "ENV", "RUN", "SHELL", "WORKDIR"))
_INSTRUCTION = re.compile(r"([A-Za-z]+)[ \t]+(\S.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"#[ \t]*(syntax|escape|check)[ \t]*=", re.IGNORECASE)
_HERE_DOCUMENT = re.compile(r"<<-?[ \t]*[\"']?[A-Za-z_]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Instruction(NamedTuple):
    """One instruction: its line, counted from 1, its word in capitals, and the rest."""

    line: int
    word: str
    rest: str


def bad(line: int, reason: str) -> BadBundle:
    """What a user reads of a Dockerfile that is not built."""
    return BadBundle(f"bad image: {NAME}:{line}: {reason}")


def read_dockerfile(data: bytes) -> list[Instruction]:
    """All instructions, first those that may be before FROM, then FROM, then the steps.

    Raises:
        BadBundle: it is not one that a node builds; says the line.
    """
    if len(data) > MAX_BYTES:
        raise bad(1, f"has more than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise bad(data.count(b"\n", 0, error.start) + 1, "is not UTF-8") from error
    found = [_instruction(line, words) for line, words in _logical_lines(text)]
    _check_order(found)
    return [each for each in found if each.word not in UNUSED]


def unused_in(data: bytes) -> list[str]:
    """Words that the file has and a build leaves out, for its user; of a file that `read_dockerfile` takes."""
    text = data.decode("utf-8").replace("\r\n", "\n")
    words = {_instruction(line, words).word for line, words in _logical_lines(text)}
    return sorted(words & UNUSED)


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with those that go on in the next joined, and without comments; with the number of the first."""
    found: list[tuple[int, str]] = []
    begun, pieces = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if control := _CONTROL.search(line):
            raise bad(number, f"holds the control character {control[0]!r}")
        if not line.strip() or line.lstrip().startswith("#"):
            if not found and not pieces and _DIRECTIVE.match(line.strip()):
                raise bad(number, "parser directives are not read; nothing is fetched to read it by")
            continue
        begun = begun or number
        is_open = line.rstrip().endswith("\\")
        pieces.append(line.rstrip()[:-1] if is_open else line)
        if not is_open:
            found.append((begun, "".join(pieces).strip()))
            begun, pieces = 0, []
    if pieces:
        raise bad(begun, "the last line goes on, and there is no other")
    return [(line, words) for line, words in found if words]


def _instruction(line: int, words: str) -> Instruction:
    match = _INSTRUCTION.fullmatch(words)
    word = (match[1] if match else words.split()[0]).upper()[:20]
    if word == "ONBUILD":
        raise bad(line, "ONBUILD is for images that are built on this one, and none is")
    if word not in _STEPS | UNUSED | {"FROM"}:
        raise bad(line, f"there is no instruction {word!r}")
    if match is None:
        raise bad(line, f"{word} says nothing")
    if word in ("RUN", "COPY", "ADD") and _HERE_DOCUMENT.search(match[2]):
        raise bad(line, "here-documents are not read; put a file into the bundle")
    return Instruction(line, word, match[2].strip())


def _check_order(found: list[Instruction]) -> None:
    stages = [each for each in found if each.word == "FROM"]
    if not stages:
        raise bad(1, "has no FROM")
    if len(stages) > 1:
        raise bad(stages[1].line, "a second FROM: images of one stage alone are built")
    early = next(each for each in found if each.word != "ARG")
    if early.word != "FROM":
        raise bad(early.line, f"{early.word} before FROM")
    if len(found) > MAX_STEPS:
        raise bad(found[MAX_STEPS].line, f"has more than {MAX_STEPS} instructions")
