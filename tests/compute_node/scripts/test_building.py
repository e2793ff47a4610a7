"""Packages are installed in a sandbox: by nobody, who sees nothing of the node, and the result is the node's."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compute_node.scripts.box import Level
from compute_node.scripts.building import Builder
from compute_node.scripts.cgroups import find_parents
from compute_node.scripts.environments import Environments
from compute_node.scripts.levels import Sandboxes
from compute_node.scripts.packages import folder_source
from compute_node.scripts.probing import probe
from compute_node.scripts.requirements import read_requirements
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.stopping import StopSign
from rpc.errors import Cancelled
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.jobs import assert_gone, processes_with
from tests.compute_node.scripts.test_environments import wheel
from tests.system.cluster import wait_until


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """Builds in bubblewrap, from a folder with the wheel `rh-alpha`."""
    need("bwrap")
    for name in ("wheels", "jobs"):
        (tmp_path / name).mkdir()
    wheel(tmp_path / "wheels", "rh_alpha")
    parents = find_parents()
    sandboxes = Sandboxes({Level.BWRAP: probe(Level.BWRAP, tmp_path / "jobs", parents)})
    source = folder_source(tmp_path / "wheels")
    return Builder(tmp_path / "jobs", sandboxes, ScriptSettings(), parents=parents, source=source, node="tests")


def test_an_environment_is_built_and_belongs_to_the_node(builder: Builder, tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments", builder, folder_source(tmp_path / "wheels"))
    with environments.use(read_requirements(b"rh-alpha\n", "requirements.txt")) as environment:
        assert environment.folder is not None
        said = subprocess.run([environment.python, "-c", "import rh_alpha"], capture_output=True, check=False)
        assert said.returncode == 0, said.stderr
        owners = {os.lstat(path).st_uid for path in (environment.folder, *environment.folder.rglob("*"))}
        assert owners == {os.getuid()}
    environments.close()
    assert [*(tmp_path / "jobs").iterdir()] == []


def test_what_installs_is_nobody_and_sees_neither_network_nor_secrets(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "node.key").write_text("secret")
    (tmp_path / "filled").mkdir()
    look = (
        f"import os; print(os.getuid() > 1e9, os.path.exists({str(tmp_path / 'node.key')!r}), os.path.exists('/sys'))"
    )
    ended = builder([sys.executable, "-c", look], {}, tmp_path / "filled", 30.0, stop=StopSign())
    assert (ended.status, ended.output) == (0, "True False False")
    wire = "import socket; print(socket.if_nameindex())"
    assert builder([sys.executable, "-c", wire], {}, tmp_path / "filled", 30.0, stop=StopSign()).output == "[(1, 'lo')]"


def test_a_step_that_takes_too_long_is_stopped(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "filled").mkdir()
    ended = builder(
        [sys.executable, "-c", "import time; time.sleep(600)"], {}, tmp_path / "filled", 0.5, stop=StopSign()
    )
    assert ended.status is None


def test_a_step_that_fails_says_why(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "filled").mkdir()
    ended = builder(
        [sys.executable, "-c", "raise SystemExit('no such wheel')"], {}, tmp_path / "filled", 30.0, stop=StopSign()
    )
    assert (ended.status, ended.output) == (1, "no such wheel")


def test_a_step_is_stopped_with_all_that_it_has_started(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "filled").mkdir()
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0: os.setsid()\n"
        "open('begun', 'w')\n"
        "time.sleep(600)\n"
    )
    stop = StopSign()
    variables = {"MARK": "a-build-that-is-stopped"}
    with ThreadPoolExecutor(1) as thread:
        step = thread.submit(
            builder, [sys.executable, "-c", code.replace("begun", f"{tmp_path}/filled/begun")], variables,
            tmp_path / "filled", 600.0, stop=stop,
        )  # fmt: skip
        wait_until((tmp_path / "filled" / "begun").exists, "the step has begun")
        assert len(processes_with("MARK=a-build-that-is-stopped")) == 2
        stop.give()
        with pytest.raises(Cancelled):
            step.result(timeout=30)
    assert_gone("MARK=a-build-that-is-stopped", within_s=0.0)
    assert [*(tmp_path / "jobs").iterdir()] == []
