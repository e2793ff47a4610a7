"""`compute_node.py --check`: what a machine has for a node, and how to mend what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compute_node.checking import check
from compute_node.cli import main
from compute_node.scripts.settings import ScriptSettings
from rpc.findings import Finding, Level
from tests.compute_node.scripts.conftest import need


def found(*, device: str = "cpu", data_dir: str | None = None, **settings: bool) -> dict[str, Finding]:
    scripts = ScriptSettings(engine="", **settings)  # type: ignore[arg-type]
    return {each.about: each for each in check(device=device, data_dir=data_dir, scripts=scripts)}


def test_a_machine_that_has_all(tmp_path: Path) -> None:
    need("bwrap")
    steps = found(data_dir=str(tmp_path / "made" / "later"), allow_weak=True)
    assert {each.level for each in steps.values()} <= {Level.OK, Level.NOTE}, steps
    assert steps["sandbox bwrap"].text.startswith("works, ")
    assert f"free at {tmp_path}" in steps["disk"].text
    assert not (tmp_path / "made").exists()


def test_a_device_that_is_not_here_is_bad() -> None:
    step = found(device="cuda:63")["arithmetic"]
    assert step.level is Level.BAD and "cuda:63" in step.text and step.fix


def test_a_sandbox_that_does_not_work_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    steps = found()
    assert steps["sandbox bwrap"].level is Level.BAD and "bubblewrap" in steps["sandbox bwrap"].fix
    assert steps["script jobs"].level is Level.BAD


def test_it_is_printed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--check", "--json", "--data-dir", "/tmp"])
    assert ended.value.code == (0 if all(each["level"] != "bad" for each in json.loads(capsys.readouterr().out)) else 1)
    with pytest.raises(SystemExit):
        main(["--check"])
    assert " arithmetic " in capsys.readouterr().out
