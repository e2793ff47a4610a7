"""Which paths a ZIP from somebody else may hold: what any system would read in another way is refused, not repaired."""

from __future__ import annotations

import unicodedata

from rpc.archive_limits import MAX_DEPTH, MAX_NAME_BYTES
from rpc.errors import BadBundle

_SHOWN = 60
# Controls, formats (those that turn the direction of text among them), surrogates, line and paragraph separators.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def shown(name: str) -> str:
    """A name as a message can hold it: ASCII, quoted, and not too long."""
    return ascii(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def split_path(name: str) -> tuple[str, ...]:
    """The parts of a path; raises BadBundle if it is none that every system reads alike."""
    path = name.removesuffix("/")
    reason = _doubt_of_characters(path) or _doubt_of_parts(path)
    if reason:
        raise BadBundle(f"{shown(name)} in the ZIP {reason}")
    return tuple(path.split("/"))


def _doubt_of_characters(path: str) -> str:
    if len(path.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"has a path of more than {MAX_NAME_BYTES} bytes; shorten it"
    for character in path:
        if character == "\0":
            return "has a NUL in its path; rename it"
        if unicodedata.category(character) in _INVISIBLE:
            return f"has the invisible character U+{ord(character):04X} in its path; rename it"
        if character in "\\:":
            return f"has a {character!r} in its path; separate folders by '/', and use neither '\\' nor ':'"
    if not unicodedata.is_normalized("NFC", path):
        return "is not in the Unicode form NFC; rename it"
    return ""


def _doubt_of_parts(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/"):
        return "is an absolute path; paths must be relative to the bundle's top folder"
    if ".." in parts:
        return "leads out of its folder by '..'; paths must go downwards"
    if "" in parts or "." in parts:
        return "has an empty part or '.' in its path; write it without"
    if len(parts) > MAX_DEPTH:
        return f"lies more than {MAX_DEPTH} folders deep; move it up"
    return ""


class PathTree:
    """The paths of one archive together: none twice, none that another system would take for the same one."""

    def __init__(self, max_paths: int) -> None:
        self._max_paths = max_paths
        self._spelled: dict[str, tuple[str, ...]] = {}
        self._files: set[str] = set()
        self._listed: set[str] = set()

    def add(self, parts: tuple[str, ...], *, is_folder: bool) -> None:
        """Take a path in, and the folders that it lies in.

        Raises:
            BadBundle: it clashes with an earlier one, or there are too many.
        """
        for depth in range(1, len(parts)):
            self._note(parts[:depth], is_folder=True)
        key = self._note(parts, is_folder=is_folder)
        if key in self._listed:
            raise BadBundle(f"{shown('/'.join(parts))} is twice in the ZIP; make it again from the folder")
        self._listed.add(key)

    def _note(self, parts: tuple[str, ...], *, is_folder: bool) -> str:
        key = unicodedata.normalize("NFC", "/".join(parts).casefold())
        known = self._spelled.get(key)
        if known is None:
            self._spelled[key] = parts
            if not is_folder:
                self._files.add(key)
            if len(self._spelled) > self._max_paths:
                raise BadBundle(f"the ZIP makes more than {self._max_paths:,} files and folders; pack fewer")
        elif known != parts:
            one, other = shown("/".join(known)), shown("/".join(parts))
            raise BadBundle(f"{one} and {other} in the ZIP are one path where case does not count; rename one")
        elif is_folder == (key in self._files):
            raise BadBundle(f"{shown('/'.join(parts))} is both a file and a folder in the ZIP; rename one")
        return key
