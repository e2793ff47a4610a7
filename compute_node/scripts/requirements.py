"""What a job's requirements.txt may say: names, extras, versions and markers; nothing that leads pip elsewhere.

pip also takes options, files, URLs and environment variables from such a file, and runs what it finds there. So it
never gets the file: what is read here is written anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from compute_node.scripts.interpreters import HERE, Interpreter
from rpc.errors import BadBundle, RejectReason, TaskRejected

MAX_BYTES = 64_000
MAX_LINES = 1_000
MAX_LINE = 1_000  # characters, continued lines together
_MAX_PARENTHESES = 20  # packaging parses markers by recursion
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(^|\s)-")
_ARCHIVE = re.compile(r"\.(whl|zip|egg|tar|tgz|tar\.\w+)\b", re.IGNORECASE)


class Policy(Enum):
    """Which requirements a node installs."""

    ALLOW = "allow"
    PINNED = "pinned"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Requirements:
    """What must be installed for a job.

    Attributes:
        interpreter: that the job runs by.
        lines: one requirement each, written in one way only, sorted; those whose markers are false for it are left out.
        unpinned: as a message names them, those of `lines` that leave a choice of the version.
    """

    lines: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()
    interpreter: Interpreter = HERE

    @property
    def digest(self) -> str:
        """64 hex digits: of the lines and of the interpreter, which chooses the wheels."""
        return hashlib.sha256(json.dumps([*self.interpreter.identity, *self.lines]).encode()).hexdigest()

    def check(self, policy: Policy) -> None:
        """Raise TaskRejected if the node's operator does not want these installed; another node may."""
        if policy is Policy.DENY and self.lines:
            raise TaskRejected(RejectReason.OPERATOR, "this node installs no requirements (--requirements deny)")
        if policy is Policy.PINNED and self.unpinned:
            reason = f"{self.unpinned[0]} is not pinned, and this node wants NAME==VERSION (--requirements pinned)"
            raise TaskRejected(RejectReason.OPERATOR, reason)


def read_requirements(data: bytes, name: str = "requirements.txt", interpreter: Interpreter = HERE) -> Requirements:
    """Read the file `name`, for jobs that run by an interpreter.

    Raises:
        BadBundle: it is too long, or a line of it is more than names, extras, versions and markers; says name:line.
    """
    if len(data) > MAX_BYTES:
        raise BadBundle(f"{name} has {len(data):,} bytes, of at most {MAX_BYTES:,}")
    lines: set[str] = set()
    unpinned = []
    for number, text in _logical_lines(data, name):
        requirement = _parse(text, f"{name}:{number}")
        if _applies(requirement, interpreter, f"{name}:{number}"):
            lines.add(_written(requirement))
            if not _is_pinned(requirement):
                unpinned.append(f"{name}:{number}: {requirement.name}")
    return Requirements(tuple(sorted(lines)), tuple(unpinned), interpreter)


def _logical_lines(data: bytes, name: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones joined, empty ones left out; each with the number of its first line."""
    lines = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")
    if len(lines) > MAX_LINES + 1:
        raise BadBundle(f"{name} has more than {MAX_LINES:,} lines")
    started, joined = 1, ""
    for number, raw in enumerate([*lines, b""], start=1):
        line = _decoded(raw, f"{name}:{number}")
        if not joined:
            started = number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += line[:-1]
            continue
        text = _COMMENT.sub("", joined + line).strip()
        joined = ""
        if len(text) > MAX_LINE:
            raise BadBundle(f"{name}:{started}: has more than {MAX_LINE:,} characters")
        if text:
            yield started, text


def _decoded(raw: bytes, where: str) -> str:
    try:
        line = raw.decode()
    except UnicodeDecodeError as error:
        raise BadBundle(f"{where}: is not UTF-8; save the file as UTF-8") from error
    if not line.replace("\t", "").isprintable():
        raise BadBundle(f"{where}: has an invisible character; remove it")
    return line


def _parse(text: str, where: str) -> Requirement:
    reason = _doubt(text)
    if reason:
        raise BadBundle(f"{where}: {reason}; only names, extras, versions and markers are allowed: {_shown(text)}")
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        what = str(error).partition("\n")[0]
        raise BadBundle(f"{where}: is no requirement ({what}): {_shown(text)}") from error


def _doubt(text: str) -> str:
    """Why a line cannot be a plain requirement; empty: it may be one."""
    if _OPTION.search(text):
        return "has an option of pip"
    if "$" in text or "%" in text:
        return "has an environment variable"
    if "://" in text or "@" in text:
        return "names an URL"
    before_markers = text.partition(";")[0]
    if text[0] in ".~" or re.search(r"[/\\]", before_markers) or _ARCHIVE.search(before_markers):
        return "names a file or a folder"
    if "===" in text:
        return "compares by '===', which takes any text; write '=='"
    if text.count("(") > _MAX_PARENTHESES:
        return f"has more than {_MAX_PARENTHESES} parentheses"
    return ""


def _applies(requirement: Requirement, interpreter: Interpreter, where: str) -> bool:
    if requirement.marker is None:
        return True
    try:
        return requirement.marker.evaluate({**interpreter.markers, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion) as error:
        raise BadBundle(f"{where}: its marker cannot be decided: {error}") from error


def _written(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(canonicalize_name(extra) for extra in requirement.extras))}]"
    return f"{canonicalize_name(requirement.name)}{extras if requirement.extras else ''}{requirement.specifier}"


def _is_pinned(requirement: Requirement) -> bool:
    return any(each.operator == "==" and not each.version.endswith(".*") for each in requirement.specifier)


def _shown(text: str) -> str:
    return ascii(text[:80])
