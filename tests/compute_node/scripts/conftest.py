"""The sandboxes of this machine, for real. Where one cannot be had its tests are left out, but never in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_node.config import NodeConfig
from compute_node.scripts.box import Level
from compute_node.scripts.settings import ScriptSettings
from tests.compute_node.running import HeldTrainer, RunningNode
from tests.compute_node.scripts.asking import wait_for_sandboxes
from tests.compute_node.scripts.base_image import base_image
from tests.compute_node.scripts.engines import docker_engine, podman_engine
from tests.compute_node.scripts.jobs import Jobs


def need(program: str) -> None:
    """Skip the test if the program is not there, or this is not root; in CI that is a failure."""
    if os.getuid() == 0 and shutil.which(program):
        return
    reason = f"needs root and {program}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """The URL of a container engine: Docker's, or Podman's where the variable ENGINE says so."""
    with_podman = os.environ.get("ENGINE") == "podman"
    need("podman" if with_podman else "dockerd")
    with podman_engine() if with_podman else docker_engine() as url:
        yield url


@pytest.fixture(scope="session")
def base(engine: str) -> str:
    """The name of an image with a Python of its own."""
    need("mmdebstrap")
    base_image(engine, "localhost/base:1")
    return "localhost/base:1"


@pytest.fixture(params=list(Level))
def level(request: pytest.FixtureRequest) -> Level:
    """Each level."""
    return Level(request.param)


@pytest.fixture
def jobs(level: Level, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Jobs]:
    """Starts jobs at the level."""
    need("bwrap" if level is Level.BWRAP else "setpriv")
    engine = request.getfixturevalue("engine") if level is Level.DOCKER else ""
    with Jobs(level, tmp_path, engine) as jobs:
        yield jobs


@pytest.fixture
def settings() -> ScriptSettings:
    """What the owner of `node` says."""
    return ScriptSettings(allow_weak=True)


@pytest.fixture
def node(tmp_path: Path, settings: ScriptSettings) -> Iterator[RunningNode]:
    """A node that takes script jobs."""
    need("bwrap")
    node = RunningNode(NodeConfig(slots=2, data_dir=str(tmp_path / "node"), scripts=settings), HeldTrainer())
    try:
        wait_for_sandboxes(node.client("control"))
        yield node
    finally:
        node.close()
