"""The example jobs do what they say, run as a node does it: from their own folder, which has their data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compute_node.scripts.requirements import read_requirements
from coordinator.progress import numbers_in

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "jobs"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The letters, where a job finds a data set; the program is copied beside them."""
    shutil.copytree(ROOT / "letters", tmp_path / "data" / "letters")
    return tmp_path


def run(example: str, bundle: Path, *arguments: str) -> list[str]:
    """The lines that a program prints; its own files are in the bundle thereafter."""
    shutil.copytree(EXAMPLES / example, bundle, dirs_exist_ok=True)
    command = [sys.executable, "main.py", *arguments]
    done = subprocess.run(command, cwd=bundle, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_progress_tells_its_loss_and_leaves_a_line(bundle: Path) -> None:
    losses = [numbers_in(line)["loss"] for line in run("progress", bundle, "5")[:-1]]
    assert len(losses) == 5 and losses == sorted(losses, reverse=True)
    assert set(json.loads((bundle / "out" / "line.json").read_text())) == {"slope", "offset"}


def test_letters_learns_and_leaves_the_model(bundle: Path) -> None:
    pytest.importorskip("sklearn")
    errors = [numbers_in(line)["error"] for line in run("letters", bundle)[:-1]]
    assert errors[-1] < errors[0] and errors[-1] < 0.15
    assert (bundle / "out" / "letters.joblib").stat().st_size > 0


@pytest.mark.parametrize("example", ["progress", "letters", "gpu"])
def test_a_node_takes_the_requirements_of_each(example: str) -> None:
    assert read_requirements((EXAMPLES / example / "requirements.txt").read_bytes()).lines
