"""The choice of a sandbox: what is asked for, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compute_node.scripts.box import LIMIT_NAMES, Level
from compute_node.scripts.levels import LevelReport, Sandboxes
from rpc.errors import BadRequest, RejectReason, TaskRejected
from tests.system.cluster import ROOT

DIGEST = "registry/image@sha256:" + "0" * 64
ALL = {level: LevelReport(level, LIMIT_NAMES) for level in Level}
WITHOUT_BWRAP = {**ALL, Level.BWRAP: LevelReport(Level.BWRAP, reason="bwrap: No such file or directory")}


def refusal(sandboxes: Sandboxes, asked: Level | None = None, *, image: str = "", limit: str = "") -> TaskRejected:
    with pytest.raises(TaskRejected) as caught:
        sandboxes.choose(asked, image=image, limits=[limit] if limit else [])
    return caught.value


def test_bubblewrap_is_the_default() -> None:
    assert Sandboxes(ALL).choose(None) is Level.BWRAP
    assert Sandboxes(ALL, allow_weak=True).choose(None) is Level.BWRAP


def test_an_image_makes_containers_the_default() -> None:
    assert Sandboxes(ALL, image="ours:1").choose(None) is Level.DOCKER
    assert Sandboxes(ALL).choose(None, image=DIGEST) is Level.DOCKER


def test_a_job_gets_the_level_that_it_names() -> None:
    assert Sandboxes(ALL, image="ours:1").choose(Level.BWRAP) is Level.BWRAP
    assert Sandboxes(ALL, image="ours:1").choose(Level.DOCKER) is Level.DOCKER
    assert Sandboxes(ALL, allow_weak=True).choose(Level.RLIMITS) is Level.RLIMITS


def test_the_weak_level_needs_the_owners_word() -> None:
    assert refusal(Sandboxes(ALL), Level.RLIMITS).reason is RejectReason.OPERATOR
    assert "bwrap" in str(refusal(Sandboxes(WITHOUT_BWRAP)))
    assert Sandboxes(WITHOUT_BWRAP, allow_weak=True).choose(None) is Level.RLIMITS


def test_a_level_that_is_named_is_never_replaced_by_a_weaker_one() -> None:
    assert "No such file" in str(refusal(Sandboxes(WITHOUT_BWRAP, allow_weak=True), Level.BWRAP))
    no_docker = {**ALL, Level.DOCKER: LevelReport(Level.DOCKER, reason="no engine")}
    assert "no engine" in str(refusal(Sandboxes(no_docker, image="ours:1")))
    assert "not tried" in str(refusal(Sandboxes({})))


@pytest.mark.parametrize("limit", LIMIT_NAMES)
def test_a_limit_that_is_named_must_be_enforced(limit: str) -> None:
    kept = tuple(name for name in LIMIT_NAMES if name != limit)
    sandboxes = Sandboxes({Level.BWRAP: LevelReport(Level.BWRAP, kept)})
    assert limit in str(refusal(sandboxes, limit=limit))
    assert sandboxes.choose(None, limits=kept) is Level.BWRAP
    assert sandboxes.choose(None) is Level.BWRAP  # a default binds as far as the level can


def test_a_limit_that_is_none_is_refused() -> None:
    with pytest.raises(BadRequest, match="no limit happiness"):
        Sandboxes(ALL).choose(None, limits=["happiness"])


def test_an_image_must_mean_one_image_for_ever_unless_it_is_the_owners() -> None:
    assert "digest" in str(refusal(Sandboxes(ALL), image="python:3"))
    assert "digest" in str(refusal(Sandboxes(ALL), image="python@sha256:123"))
    assert Sandboxes(ALL, image="python:3").choose(None, image="python:3") is Level.DOCKER
    assert "no image" in str(refusal(Sandboxes(ALL), Level.DOCKER))


def test_an_image_in_another_sandbox_is_a_wrong_request() -> None:
    with pytest.raises(BadRequest, match="needs the sandbox docker"):
        Sandboxes(ALL).choose(Level.BWRAP, image=DIGEST)


def test_a_report_says_what_it_enforces_or_why_not() -> None:
    assert str(LevelReport(Level.BWRAP, ("memory_bytes",))).startswith("bwrap: enforces memory_bytes; not cpus, ")
    assert str(LevelReport(Level.DOCKER, reason="no engine")) == "docker: not here (no engine)"


def test_the_python_of_a_node_that_was_started_through_a_link_is_where_jobs_see_it(tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to(sys.prefix)
    asked = "from compute_node.scripts.probing import node_python as f; import json; print(json.dumps(f()))"
    told = subprocess.run(
        [linked / "bin" / "python", "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    program, folders = json.loads(told)
    assert Path(program).exists()
    assert any(Path(program).is_relative_to(folder) for folder in folders), (program, folders)
