"""Programs of the tests in a network of their own, where they may drop what passes and have any address."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.system.cluster import ROOT

_ALONE = ["unshare", "--net", *(["--map-root-user"] if os.getuid() else [])]


def run_alone(*words: str, needs: tuple[str, ...], timeout_s: float = 110.0) -> None:
    """Run a module of the tests so, and print what it says; it must end well. Skips where that cannot be, but in CI."""
    lacking = [each for each in ("unshare", *needs) if shutil.which(each) is None]
    if lacking or subprocess.run([*_ALONE, "true"], capture_output=True).returncode:
        reason = f"no network of its own can be made here (lacking: {', '.join(lacking) or 'the right to'})"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    command = [*_ALONE, sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
