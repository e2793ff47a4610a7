"""The words of one instruction of a Dockerfile: quotes, backslashes and variables, as Docker documents them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^{}$]*))?\})")
_MAX_CHARACTERS = 64 << 10  # that variables may make of one instruction


def words_of(text: str, variables: Mapping[str, str]) -> list[str]:
    """Split at spaces and put in variables; in single quotes nothing is, and none of what is put in is split.

    Raises:
        ValueError: a quote is not closed, or a variable is used in a way that is not known.
    """
    words: list[str] = []
    word, quote, at, size = None, "", 0, 0
    while at < len(text):
        here, step = text[at], 1
        if (quote == "'" and here != "'") or here not in "\\'\"$ \t":
            piece = here
        elif here in " \t" and not quote:
            if word is not None:
                words.append(word)
            word, at = None, at + 1
            continue
        elif here in "'\"" and quote in ("", here):
            quote, piece = ("" if quote else here), ""
        elif here == "\\":
            piece, step = text[at + 1 : at + 2], 2
            if quote and piece not in ('"', "\\", "$"):
                piece = here + piece
        elif here == "$":
            piece, step = _variable(text, at, variables)
        else:
            piece = here
        size += len(piece)
        if size > _MAX_CHARACTERS:
            raise ValueError("its variables make too much of it")
        word, at = (word or "") + piece, at + step
    if quote:
        raise ValueError(f"a quote {quote} is not closed")
    return words if word is None else [*words, word]


def list_of(text: str) -> list[str] | None:
    """The texts of a JSON list such as ["a", "b"]; None if it is none."""
    try:
        found = json.loads(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None


def _variable(text: str, at: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """The value of what begins with a $, and how many characters that has."""
    match = _VARIABLE.match(text, at)
    if match is None:
        raise ValueError("a $ begins no variable; ${NAME}, ${NAME:-value} and ${NAME:+value} are known")
    name, sign, other = match[1] or match[2], match[3], match[4]
    value = variables.get(name, "")
    if sign == "-":
        value = value or other
    elif sign == "+":
        value = other if value else ""
    return value, len(match[0])
