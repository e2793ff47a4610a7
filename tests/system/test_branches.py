"""Runs that go on from a stored round of another run, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundhouse import connect
from rpc.errors import BadRequest, ExitCode
from tests.system.cluster import ROOT, Cluster, Outcome, finish, wait_until
from tests.system.test_same_bits import good

ROUNDS = 8
RUN = (
    str(ROUNDS),
    "20",
    "24",
    "0.0001",
    "--tolerance",
    "0",
    "--server-optimizer",
    "nesterov",
    "--eta-schedule",
    "cosine",
)
OPTIONS = (*RUN, "--fraction", "0.6", "--keep-checkpoints", "3", "--quiet", "--json")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("branches")
    with Cluster(folder, coordinator_arguments=("--data-dir", str(folder / "data"))) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def parent(cluster: Cluster) -> Outcome:
    return good(cluster.train(*OPTIONS, "--key", "parent"))


def client(cluster: Cluster, *arguments: str) -> Outcome:
    command = [sys.executable, "client.py", *arguments, "--server", f"127.0.0.1:{cluster.coordinator.port}"]
    return finish(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))


def branch(cluster: Cluster, *arguments: str) -> str:
    """Start a branch; return its id."""
    return str(good(client(cluster, "runs", "branch", *arguments, "--json")).json["id"])


def sha256(cluster: Cluster, run_id: str) -> str:
    return str(good(client(cluster, "runs", "watch", run_id, "--json", "--quiet")).json["model_sha256"])


def test_a_branch_with_unchanged_settings_ends_with_the_same_bits(cluster: Cluster, parent: Outcome) -> None:
    started = branch(cluster, "parent", "--from-round", "6")
    assert sha256(cluster, started) == parent.json["model_sha256"]
    shown = good(client(cluster, "runs", "show", started, "--json")).json
    assert (shown["parent"], shown["parent_round"], shown["round"]) == (parent.json["id"], 6, ROUNDS)
    assert sum(shown["tasks_by_node"].values()) == shown["tasks_done"] == shown["tasks_total"] == 2 * 6


def test_a_branch_of_a_cancelled_run_ends_as_that_would_have(cluster: Cluster) -> None:
    settings = ("20", "24", "0.0001", "--tolerance", "0", "--quiet", "--json")
    cut = cluster.client("5000", *settings, "--key", "cut")
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        wait_until(lambda: any(row.round >= 2 for row in session.runs(states=("running",))), "round 2")
        session.run("cut").cancel()
        finish(cut)
        (*_, last) = session.run("cut").checkpoints()
        branch = session.run("cut").branch("last", rounds=last.round + 2)
        ended = branch.wait(60)
    assert ended.model_sha256 == good(cluster.train(str(last.round + 2), *settings)).json["model_sha256"]


def test_other_settings_give_another_model_and_keep_the_history_before(cluster: Cluster, parent: Outcome) -> None:
    started = branch(
        cluster, "parent", "--from-round", "7", "--rounds", "10", "--eta", "0.00005", "--optimizer", "adam"
    )
    about = good(client(cluster, "watch", started, "--json", "--quiet")).json
    assert about["model_sha256"] != parent.json["model_sha256"]
    assert about["rounds"][:7] == parent.json["rounds"][:7] and len(about["rounds"]) == 10
    listed = {row["run"]: row for row in json.loads(client(cluster, "models", "list", "--json").stdout)}
    assert (listed[started]["parent"], listed[started]["parent_round"]) == (parent.json["id"], 7)


def test_a_branch_goes_on_after_a_restart_of_the_coordinator(tmp_path: Path) -> None:
    options = ("16", *RUN[1:], "--keep-checkpoints", "16", "--quiet", "--json")
    with Cluster(tmp_path, coordinator_arguments=("--data-dir", str(tmp_path / "data"))) as cluster:
        whole = good(cluster.train(*options)).json
        started = branch(cluster, whole["id"], "--from-round", "2")
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            wait_until(lambda: session.run(started).detail().row.round >= 5, "round 5")
            cluster.restart_coordinator()
            assert session.run(started).wait(60).model_sha256 == whole["model_sha256"]
            assert [each.round for each in session.run(started).checkpoints()] == list(range(2, 17))


def test_exactly_the_last_rounds_and_the_best_are_stored(cluster: Cluster, parent: Outcome) -> None:
    errors = [row["validation_error"] for row in parent.json["rounds"]]
    shown = good(client(cluster, "runs", "show", "parent", "--json")).json
    stored = {each["round"] for each in shown["checkpoints"]}
    assert stored == {1 + errors.index(min(errors)), ROUNDS - 2, ROUNDS - 1, ROUNDS}


def test_the_model_of_a_stored_round_is_that_of_a_run_that_ended_there(cluster: Cluster, parent: Outcome) -> None:
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        run = session.run("parent")
        assert run.model("last").sha256 == run.model().sha256 == run.model(ROUNDS).sha256
        assert run.model(ROUNDS - 1).sha256 != run.model().sha256


def test_a_round_that_is_not_stored_is_refused_with_those_that_are(cluster: Cluster, parent: Outcome) -> None:
    outcome = client(cluster, "runs", "branch", "parent", "--from-round", "1")
    assert outcome.status == ExitCode.USAGE
    assert "is not stored; these are: " in outcome.stderr and f"{ROUNDS - 1}, {ROUNDS}\n" in outcome.stderr
    outcome = client(cluster, "models", "export", "parent", "--round", "1", "--out", "nothing.npz")
    assert outcome.status == ExitCode.USAGE and "round 1 of run-" in outcome.stderr


def test_a_branch_after_the_last_round_wants_more_rounds(cluster: Cluster, parent: Outcome) -> None:
    outcome = client(cluster, "runs", "branch", "parent")
    assert outcome.status == ExitCode.USAGE
    assert f"nothing is left to do after round {ROUNDS} of {ROUNDS}; ask for more rounds" in outcome.stderr


def test_a_branch_cannot_change_what_the_weights_mean(cluster: Cluster, parent: Outcome) -> None:
    refused = pytest.raises(BadRequest, match="a branch has the dtype of the run that it goes on from")
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session, refused:
        session.run("parent").branch(7, dtype="float64")


def test_a_branch_is_verified_from_where_it_begins(cluster: Cluster, parent: Outcome) -> None:
    run = branch(cluster, "parent", "--from-round", str(ROUNDS - 1), "--rounds", str(ROUNDS + 1), "--epochs", "10")
    sha256(cluster, run)
    found = good(client(cluster, "runs", "verify", run, "--sample", "1", "--json")).json
    assert (found["run"], found["same"]) == (run, True)
    assert found["checked"] == found["all_updates"] == 2 * 6, "its own rounds, of a fraction of 0.6"
