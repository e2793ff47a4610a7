"""Plants a bug: applies a patch to a copy of the core, and runs the simulator there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.simulation.flaw import Flaw

ROOT = Path(__file__).resolve().parents[3]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
_NEEDED = ("coordinator", "gen-py", "mlcore", "rpc", "tests/simulation")
_FOUND = re.compile(r"schedule (\d+) of series \d+ failed: (.*)")
_ERROR = re.compile(r"(\w+) at [\d.]+ s: (?:the coordinator ends: (\w+)\()?")
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Found:
    """The schedule that showed the bug, and how it did."""

    schedule: int
    flaw: str


@contextmanager
def copy_of_the_core(patch: Path | None) -> Iterator[Path]:
    """A folder with what the simulator needs, patched.

    Raises:
        ValueError: the patch does not apply any more.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in _NEEDED:
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "tests" / "__init__.py", folder / "tests")
        if patch is not None:
            command = ["git", "apply", "-C1", str(patch)]
            applied = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if applied.returncode:
                raise ValueError(f"{patch.name} does not apply; adapt it to the code: {applied.stderr.strip()}")
        yield folder


def simulate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the simulator in the folder."""
    command = [sys.executable, "-m", "tests.simulation", *arguments, "--processes", "1"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)


def find(patch: Path | None, n_schedules: int) -> Found | None:
    """Return where the simulator found the planted bug, or None.

    Raises:
        ValueError: the patch does not apply any more or merely breaks the code, or the simulator did not run.
    """
    with copy_of_the_core(patch) as folder:
        try:
            result = simulate(folder, str(n_schedules))
        except subprocess.TimeoutExpired:
            raise ValueError(f"the simulator did not end within {_TIMEOUT_S:.0f} s") from None
    found = _FOUND.search(result.stdout)
    if found is not None:
        if patch is not None and not _is_promise_broken(found[2], patch):
            raise ValueError(f"{patch.name} breaks the code, and no promise of it: {found[2]}")
        return Found(int(found[1]), found[2])
    if "schedules/s" not in result.stdout:
        raise ValueError(f"the simulator did not run: {result.stderr.strip().splitlines()[-1:]}")
    return None


def _is_promise_broken(flaw: str, patch: Path) -> bool:
    """Whether the simulator missed something, or the error came that the first line of the patch names."""
    told = _ERROR.match(flaw)
    kind = (told[2] or told[1]) if told is not None else ""
    return kind == Flaw.__name__ or (kind != "" and kind in re.findall(r"\w+", patch.read_text().partition("\n")[0]))
