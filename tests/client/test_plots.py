"""`client.py runs plot`: pictures of a run's rounds."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from client.plots import plot_run
from rpc.errors import BadRequest
from rpc.messages import RoundRow, WorkDetail
from tests.client.conftest import RunClient
from tests.client.fake import COMPLETED, DETAIL, RUN_ID, RUNNING, Serving

CHECKOUT = Path(__file__).parents[2]
STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("file_format", STARTS)
def test_the_name_of_the_file_tells_its_format(
    coordinator: Serving, run_client: RunClient, tmp_path: Path, file_format: str
) -> None:
    path = tmp_path / f"curve.{file_format}"
    ended = run_client("runs", "plot", RUN_ID, "--out", path, "--server", coordinator.address)
    assert ended == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(STARTS[file_format])


@pytest.mark.parametrize("name", [RUN_ID, "latest", "of/monday"])
def test_the_picture_is_named_after_the_run(
    coordinator: Serving, run_client: RunClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    coordinator.fake.key = "of/monday"
    ended = run_client("runs", "plot", name, "--server", coordinator.address, "--json")
    assert json.loads(ended.out) == {"run": RUN_ID, "file": f"{RUN_ID}.png"}
    assert (tmp_path / f"{RUN_ID}.png").exists()


def test_it_says_which_run_and_which_round_was_best(tmp_path: Path) -> None:
    plot_run(WorkDetail(COMPLETED, DETAIL), tmp_path / "curve.svg")
    text = (tmp_path / "curve.svg").read_text()
    assert f"{RUN_ID} (data), layers 2-3-2: completed, 2 of 2 rounds" in text
    assert "best: 0.3815 in round 2" in text


@pytest.mark.parametrize("name", ["東京", "$x", r"a$\frac$b", "a\x1b[2Jb\nc"])
def test_a_run_of_any_name_can_be_drawn(tmp_path: Path, name: str) -> None:
    plot_run(WorkDetail(replace(COMPLETED, name=name), DETAIL), tmp_path / "curve.png")


def test_a_run_that_goes_on_or_diverges_is_drawn_as_far_as_it_is_known(tmp_path: Path) -> None:
    rounds = (RoundRow(1, 0.9, math.inf, math.nan), RoundRow(2, None, None, 3.0))
    plot_run(WorkDetail(RUNNING, replace(DETAIL, rounds=rounds)), tmp_path / "curve.png")
    unknown = (RoundRow(1, None, None, 3.0),)
    plot_run(WorkDetail(RUNNING, replace(DETAIL, rounds=unknown)), tmp_path / "curve.png")


def test_a_run_without_a_round_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=f"{RUN_ID} has no round behind it yet; plot it later"):
        plot_run(WorkDetail(RUNNING, replace(DETAIL, rounds=())), tmp_path / "curve.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("curve.txt", "curve.txt: a plot is a .png, .svg or .pdf; give the file such a name"),
        ("nowhere/curve.png", "nowhere/curve.png: its folder does not exist; make it, or choose another place"),
    ],
)
def test_a_file_that_cannot_be_drawn_is_refused_before_anybody_is_asked(
    run_client: RunClient, out: str, reason: str
) -> None:
    assert run_client("runs", "plot", RUN_ID, "--out", out, "--server", "127.0.0.1:1") == (2, "", f"client: {reason}\n")


def test_the_client_does_not_import_matplotlib_before_it_plots() -> None:
    script = "import sys, client.cli; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"


def test_without_matplotlib_one_line_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['matplotlib'] = None\n"  # which is how Python notes that there is none
        "from client.cli import main\n"
        "sys.exit(main(['runs', 'plot', 'r1', '--out', sys.argv[1]]))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "curve.png")]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "client: a plot needs matplotlib: pip install 'roundhouse[plot]'\n"
