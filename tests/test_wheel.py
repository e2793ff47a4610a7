"""What `pip install` gives: the wheel, installed into an empty environment and used far from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
NOT_SOURCES = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests", "docs")
# The kernels, once: each of the nodes that start together would do so.
COMPILE = 'from mlcore.kernels import get_backend, numeric_class as c; c(get_backend(), dtype="float32", threads=1)'
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


def run(*command: str | Path, cwd: Path, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed; the checkout is not on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = [str(each) for each in command]
    done = subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that has the wheel, and borrows its dependencies from ours."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, because a build leaves files behind, and takes in what an earlier one has left.
    shutil.copytree(CHECKOUT, folder / "source", ignore=NOT_SOURCES)
    name = run(sys.executable, "-c", BUILD, folder, cwd=folder / "source").stdout.split()[-1]
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "install")
    run(*pip, "--no-deps", "--no-index", "-c", CHECKOUT / "constraints.txt", folder / name, cwd=folder)
    ours = sysconfig.get_path("purelib")
    home = run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    Path(home.stdout.strip(), "dependencies.pth").write_text(ours)
    run(programs / "python", "-c", COMPILE, cwd=folder)
    return programs


def test_connect_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    script = "import roundhouse; from roundhouse import connect; print(connect.__name__, roundhouse.__file__)"
    name, file = run(installed / "python", "-c", script, cwd=tmp_path).stdout.split()
    assert name == "connect"
    assert installed.parent in Path(file).parents


def test_type_checkers_may_use_its_annotations(installed: Path) -> None:
    found = {path.parent.name for path in installed.parent.rglob("py.typed")}
    assert {"client", "mlcore", "roundhouse", "rpc"} <= found


def test_the_command_tells_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "roundhouse", "--version", cwd=tmp_path).stdout.startswith("roundhouse ")


def test_the_demo_needs_no_checkout(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "roundhouse", "demo", cwd=tmp_path)
    assert done.stdout.startswith("final validation error: 0.")
    assert list(tmp_path.iterdir()) == []
