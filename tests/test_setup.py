"""`make setup` on a machine that lacks something: one line that says what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "setup.sh"
PYTHONS = ("python3", "python3.11", "python3.12", "python3.13")
TOO_OLD = "exit 1"
WITHOUT_VENV = 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.11 ;; esac'


@pytest.mark.parametrize(
    ("python", "message"),
    [
        (
            TOO_OLD,
            "no Python of at least 3.11; install it with: SUDOapt-get install -y python3.11 python3.11-venv",
        ),
        (WITHOUT_VENV, "python3 has no venv; install it with: SUDOapt-get install -y python3.11-venv"),
    ],
)
@pytest.mark.parametrize(("user", "sudo"), [(0, ""), (1000, "sudo ")])
def test_what_is_missing_is_one_line_that_installs_it(
    tmp_path: Path, python: str, message: str, user: int, sudo: str
) -> None:
    machine = tmp_path / "bin"
    machine.mkdir()
    scripts = dict.fromkeys(PYTHONS, python) | {"id": f"echo {user}"}
    for name, body in scripts.items():
        (machine / name).write_text(f"#!/bin/sh\n{body}\n")
        (machine / name).chmod(0o755)
    for name in ("dirname", "bash", "env"):
        (machine / name).symlink_to(str(shutil.which(name)))
    (tmp_path / "scripts").mkdir()
    copy = shutil.copy(SCRIPT, tmp_path / "scripts")
    done = subprocess.run([copy], env={"PATH": str(machine)}, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"setup: {message.replace('SUDO', sudo)}\n"


def test_a_python_that_was_asked_for_and_cannot_be_used_is_named(tmp_path: Path) -> None:
    old = tmp_path / "old python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in (str(old), "no-such-python"):
        environment = os.environ | {"PYTHON": python}
        done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"setup: PYTHON={python} is no Python of at least 3.11; name another one, or none\n"
