"""Text of others, as it may stand in a line: what would move a cursor, colour or break the line is spelled out."""

from __future__ import annotations

from unicodedata import category


def plain(text: str) -> str:
    r"""Return the text with whatever is no visible character or space as an escape: `\n`, `\x1b`, `\u202e`.

    Names, reasons and messages come from other machines; none may look like a line of ours or command a terminal.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()
