"""The example jobs do what they say, and their requirements are such as nodes take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest

from client.bundling import check_bundle, pack_folder
from compute_node.scripts.requirements import read_requirements
from tests.system.cluster import LETTERS, ROOT

EXAMPLES = ROOT / "examples" / "jobs"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())


def run(folder: Path, name: str, *arguments: str) -> list[dict[str, float]]:
    """Run an example in a folder; return what it told of itself."""
    command = [sys.executable, str(EXAMPLES / name / "main.py"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("PROGRESS: ")]
    return [json.loads(line.removeprefix("PROGRESS: ")) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_a_bundle_with_requirements_that_nodes_install(name: str, tmp_path: Path) -> None:
    pack_folder(EXAMPLES / name, tmp_path / "bundle.zip")
    check_bundle(tmp_path / "bundle.zip", requirements="requirements.txt")
    assert read_requirements((EXAMPLES / name / "requirements.txt").read_bytes()).lines
    compile((EXAMPLES / name / "main.py").read_text(), name, "exec")


def test_progress_is_told_and_a_line_is_left(tmp_path: Path) -> None:
    told = run(tmp_path, "progress", "30")
    assert [each["step"] for each in told] == list(range(1, 31))
    assert told[-1]["loss"] < 0.02 < told[0]["loss"]
    assert json.loads((tmp_path / "out" / "line.json").read_text())["slope"] == pytest.approx(3.0, abs=0.1)


def test_the_letters_are_learned_and_the_model_is_left(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "letters").symlink_to(LETTERS)
    told = run(tmp_path, "letters")
    assert [each["epoch"] for each in told] == list(range(1, 21))
    assert told[-1]["error"] < 0.15
    model = joblib.load(tmp_path / "out" / "letters.joblib")
    rows = np.loadtxt(LETTERS / "validate_letters.txt", delimiter=",")
    assert 1 - model.score(rows[:, :-1], rows[:, -1]) == pytest.approx(told[-1]["error"])
