"""This machine: the Python and the packages that this client runs with, and what a compute node would have here."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from rpc.findings import Finding, Level

_CHECK_S = 60.0
_NODE = "import sys; from compute_node.cli import main; sys.exit(main(['--check', '--json']))"


def look_at_program() -> Iterator[Finding]:
    """The Python and what is installed in it."""
    yield _python()
    lacking = [text for each in _needed() if (text := _lack(each))]
    if not _requirements():
        yield Finding("packages", Level.UNKNOWN, "it was never installed, and says nowhere what it needs", "make setup")
    elif lacking:
        yield Finding("packages", Level.BAD, "; ".join(lacking), "make setup, or pip install --upgrade roundhouse")
    else:
        yield Finding("packages", Level.OK, "all that are needed, in versions that will do")
    # Without it nothing of this program would run: rpc.starting says how to get it.
    yield Finding("fastbinary", Level.OK, f"the C codec of thrift {version('thrift')}")


def look_at_node() -> list[Finding]:
    """What `compute_node.py --check` finds on this machine, which need not have a node."""
    place = find_spec("compute_node")
    if place is None or place.origin is None:
        return [Finding("node", Level.UNKNOWN, "no compute node is installed here")]
    try:
        said = subprocess.run(
            [sys.executable, "-c", _NODE], cwd=Path(place.origin).parents[1], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=_CHECK_S, check=False,
        )  # fmt: skip
        found = [Finding(**{**each, "level": Level(each["level"])}) for each in json.loads(said.stdout)]
    except subprocess.TimeoutExpired:
        return [Finding("node", Level.UNKNOWN, f"`compute_node.py --check` did not end within {_CHECK_S:g} s")]
    except (OSError, ValueError, LookupError, TypeError):
        last = (said.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return [Finding("node", Level.UNKNOWN, f"`compute_node.py --check` failed: {last}")]
    # Whoever looks at a cluster from here need not compute here.
    return [each if each.level is not Level.BAD else _as_note(each) for each in found]


def packages() -> dict[str, str]:
    """The versions of what this program needs or may use; empty: it is not installed."""
    return {each.name: _version(each.name) for each in _requirements()}


def _python() -> Finding:
    found, text = platform.python_version(), f"{platform.python_version()} at {sys.executable}"
    try:
        needed = SpecifierSet(metadata("roundhouse")["Requires-Python"] or "")
    except PackageNotFoundError:
        needed = SpecifierSet()
    if needed.contains(found, prereleases=True):
        return Finding("Python", Level.OK, text)
    return Finding("Python", Level.BAD, f"{text}; {needed} is needed", "make setup with a Python that will do")


def _needed() -> list[Requirement]:
    return [each for each in _requirements() if each.marker is None or each.marker.evaluate({"extra": ""})]


def _requirements() -> list[Requirement]:
    try:
        return [Requirement(text) for text in requires("roundhouse") or ()]
    except PackageNotFoundError:
        return []  # it runs from its folder, and was never installed


def _lack(needed: Requirement) -> str:
    """What is wrong with a package; empty: nothing."""
    found = _version(needed.name)
    if not found:
        return f"{needed.name} is not installed"
    does = needed.specifier.contains(found, prereleases=True)
    return "" if does else f"{needed.name} {found} is here, and {needed.specifier} is needed"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _as_note(finding: Finding) -> Finding:
    return Finding(finding.about, Level.NOTE, finding.text, finding.fix)
