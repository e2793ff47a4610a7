"""Stored models that were damaged: runs go back to an older round, to the same bits; commands say it in one line."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rpc.errors import ExitCode
from tests.system.cluster import ROOT, Cluster, Outcome, finish, wait_until
from tests.system.test_recovery import rounds_done
from tests.system.test_same_bits import good

RUN = ("60", "40", "24", "0.0001", "--tolerance", "0", "--server-optimizer", "fedadam", "--server-eta", "0.01")
OPTIONS = (*RUN, "--keep-checkpoints", "3", "--quiet", "--json")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of an undisturbed run."""
    with Cluster(tmp_path_factory.mktemp("undisturbed")) as cluster:
        return str(good(cluster.train(*OPTIONS)).json["model_sha256"])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, coordinator_arguments=("--data-dir", str(tmp_path / "data"))) as cluster:
        yield cluster


def stored(folder: Path) -> dict[str, Path]:
    """The files of the stored models and of what goes with them, by role, the newest last."""
    question = "SELECT role, blob FROM blob_name WHERE role LIKE '%@%'"
    with closing(sqlite3.connect(folder / "data" / "store.db")) as connection:
        names = sorted(connection.execute(question).fetchall(), key=lambda row: int(row[0].partition("@")[2]))
    return {role: folder / "data" / "blobs" / name.removeprefix("sha256:") for role, name in names}


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def client(cluster: Cluster, *arguments: str) -> Outcome:
    command = [sys.executable, "client.py", *arguments, "--server", f"127.0.0.1:{cluster.coordinator.port}"]
    return finish(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))


def test_a_run_whose_stored_models_are_damaged_goes_back_and_ends_with_the_same_bits(
    cluster: Cluster, tmp_path: Path, expected: str
) -> None:
    waiting = cluster.client(*OPTIONS)
    for least, damage, kind, n_newest in (
        (4, tear, "model@", 1),
        (8, flip, "optimizer@", 1),
        (12, Path.unlink, "model@", 2),
        (16, flip, "model@", 9),
    ):
        wait_until(lambda least=least: rounds_done(cluster) >= least, f"round {least}")  # type: ignore[misc]
        cluster.coordinator.kill()
        # One that was removed before may still be named.
        files = [path for role, path in stored(tmp_path).items() if role.startswith(kind) and path.exists()]
        assert files
        for path in files[-n_newest:]:
            damage(path)
        cluster.restart_coordinator()
        log = cluster.coordinator.stderr
        wait_until(lambda log=log: any(" cannot be read (" in line for line in log), "it goes back")  # type: ignore[misc]
    outcome = good(finish(waiting))
    assert outcome.json["model_sha256"] == expected
    assert [row["round"] for row in outcome.json["rounds"]] == list(range(1, int(RUN[0]) + 1))
    told = good(client(cluster, "events", "--run", outcome.json["id"], "--limit", "1000")).stdout
    assert told.count(" cannot be read (") >= 4 and "is trained again" in told, told
    assert "back to the start, rounds 1 to " in good(client(cluster, "why", "run", outcome.json["id"])).stdout


def test_what_needs_a_damaged_model_says_so_in_one_line(cluster: Cluster, tmp_path: Path) -> None:
    run = good(cluster.train("4", *OPTIONS[1:])).json["id"]
    flip(stored(tmp_path)["model@4"])
    tear(stored(tmp_path)["model@3"])
    for command in (
        ("models", "export", run, "--out", str(tmp_path / "model.npz")),
        ("models", "export", run, "--round", "3", "--out", str(tmp_path / "model.npz")),
        ("runs", "branch", run, "--rounds", "9"),
        ("runs", "branch", run, "--from-round", "3", "--rounds", "9"),
    ):
        outcome = client(cluster, *command)
        assert outcome.status != ExitCode.DONE, command
        assert len(outcome.stderr.splitlines()) == 1 and "damaged" in outcome.stderr, outcome.stderr
    assert not (tmp_path / "model.npz").exists()
    good(client(cluster, "runs", "branch", run, "--from-round", "2", "--rounds", "3"))
    good(client(cluster, "runs", "verify", run, "--sample", "0.1"))


def test_a_run_on_damaged_data_fails_saying_so_and_its_next_submission_sends_the_data_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    first = good(cluster.train("1", "2", "8", "0.0001", "--json", "--quiet")).json["model_sha256"]
    data = [path for path in (tmp_path / "data" / "blobs").iterdir() if path.stat().st_size > 30_000]
    for number, path in enumerate(data):
        (tear if number % 2 else flip)(path)
    outcome = cluster.train("2", "2", "8", "0.0001", "--seed", "2", "--quiet")
    assert outcome.status == ExitCode.FAILED and "submit it again, which sends it anew" in outcome.stderr
    good(cluster.train("2", "2", "8", "0.0001", "--seed", "2", "--quiet"))
    assert good(cluster.train("1", "2", "8", "0.0001", "--json", "--quiet")).json["model_sha256"] == first
