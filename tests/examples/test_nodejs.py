"""The Node.js client, made by the stock compiler: the same model as ours, whose bytes it has checked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from rpc.errors import ExitCode
from tests.system.cluster import LETTERS, ROOT, Cluster
from tests.system.test_same_bits import RUN, good


def needs(*programs: str) -> None:
    """Skip the test where one of them is missing; in CI none may be."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        reason = f"needs {', '.join(missing)}: apt-get install nodejs npm thrift-compiler"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example beside a copy of the IDL, installed as its README says."""
    needs("node", "npm", "thrift")
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("idl", "examples"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("node_modules", "gen-nodejs"))
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder / "examples" / "nodejs", capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return folder / "examples" / "nodejs"


def run_example(example: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["node", "train.js", *arguments]
    return subprocess.run(command, cwd=example, capture_output=True, text=True, timeout=100, check=False)


def test_it_trains_the_same_model_as_our_client(example: Path, tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster:
        ours = good(cluster.train(*RUN[:4]))
        port = str(cluster.coordinator.port)
        theirs = run_example(example, "127.0.0.1", port, str(LETTERS), *RUN[:4])
        assert theirs.returncode == 0, theirs.stderr
        assert theirs.stdout.splitlines()[-1] == f"model sha256: {ours.sha256}"
        assert "round 1 of" in theirs.stderr
        refused = run_example(example, "127.0.0.1", port, str(LETTERS), "0", *RUN[1:4])
        assert refused.returncode == 1 and "rounds" in refused.stderr
        nowhere = run_example(example, "127.0.0.1", port, str(tmp_path / "none"), *RUN[:4])
        needed = f"train.js: {tmp_path}/none: needs train_<name><N>.txt files and one validate_<name>.txt\n"
        assert (nowhere.returncode, nowhere.stderr) == (1, needed)


def test_it_says_that_the_coordinator_has_gone(example: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        command = ["node", "train.js", "127.0.0.1", port, str(LETTERS), *RUN[:4]]
        process = subprocess.Popen(command, cwd=example, stderr=subprocess.PIPE, text=True)
        connection, _ = listening.accept()
        with connection:
            assert connection.recv(4096), "its hello"
        said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (1, "train.js: the coordinator has gone\n")


def test_it_says_in_one_line_what_is_wrong(example: Path, tmp_path: Path) -> None:
    assert run_example(example).returncode == ExitCode.USAGE
    nobody = run_example(example, "127.0.0.1", "1", str(LETTERS), "1", "1", "2", "0.1")
    assert (nobody.returncode, nobody.stderr.count("\n")) == (ExitCode.UNREACHABLE, 1), nobody.stderr
    assert nobody.stderr.startswith("train.js: nobody serves at 127.0.0.1:1; start the coordinator there")


def test_before_it_is_installed_it_says_so_in_one_line(tmp_path: Path) -> None:
    needs("node")
    shutil.copy(ROOT / "examples" / "nodejs" / "train.js", tmp_path)
    early = run_example(tmp_path, "127.0.0.1", "1", str(LETTERS), "1", "1", "2", "0.1")
    said = f"train.js: thrift is not here; run `npm install` in {tmp_path}\n"
    assert (early.returncode, early.stderr) == (ExitCode.FAILED, said)
