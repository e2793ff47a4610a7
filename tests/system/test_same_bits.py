"""The same model, to the bit, whatever the nodes did, with real processes."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.system.cluster import Cluster, Outcome, finish, wait_until

# Small enough to run often; two rounds, so that a wrong first average shows in the second.
RUN = ("2", "8", "24", "0.0001", "--quiet")
LONG_RUN = ("3", "250", "24", "0.0001", "--tolerance", "0", "--quiet")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest that a single node gives."""
    with Cluster(tmp_path_factory.mktemp("one"), nodes=1) as cluster:
        return good(cluster.train(*RUN)).sha256


@pytest.fixture(scope="module")
def expected_long(tmp_path_factory: pytest.TempPathFactory) -> str:
    with Cluster(tmp_path_factory.mktemp("long"), nodes=2) as cluster:
        return good(cluster.train(*LONG_RUN)).sha256


def good(outcome: Outcome) -> Outcome:
    assert outcome.status == 0, outcome
    return outcome


@pytest.mark.parametrize("nodes", [2, 3, 8])
def test_any_number_of_nodes_gives_the_same_model(tmp_path: Path, expected: str, nodes: int) -> None:
    with Cluster(tmp_path, nodes=nodes) as cluster:
        assert good(cluster.train(*RUN)).sha256 == expected


@pytest.mark.parametrize("policy", ["1", "2", "3"])
@pytest.mark.parametrize("load", ["0", "0.6"])
def test_any_policy_and_any_load_gives_the_same_model(tmp_path: Path, expected: str, policy: str, load: str) -> None:
    with Cluster(tmp_path, nodes=3, policy=policy, node_arguments=(load, "--delay", "0.05", "--slots", "2")) as cluster:
        outcome = good(cluster.train(*RUN, "--json"))
        assert outcome.json["model_sha256"] == expected
        assert (outcome.json["rejections"] > 0) == (policy == "2" and load == "0.6")


def test_a_killed_nodes_tasks_run_elsewhere_with_the_same_bits(tmp_path: Path, expected_long: str) -> None:
    with Cluster(tmp_path, nodes=3) as cluster:
        client = cluster.client(*LONG_RUN, "--json")
        wait_until_busy(cluster, client)
        cluster.nodes[0].kill()
        outcome = good(finish(client))
    assert outcome.json["model_sha256"] == expected_long
    assert outcome.json["retries"] > 0


def test_a_paused_node_that_wakes_after_its_lease_changes_nothing(tmp_path: Path, expected_long: str) -> None:
    with Cluster(tmp_path, nodes=2, coordinator_arguments=("--beat", "0.2", "--lease", "1")) as cluster:
        client = cluster.client(*LONG_RUN, "--json", "--no-speculation")
        wait_until_busy(cluster, client)
        cluster.nodes[0].signal(signal.SIGSTOP)
        wait_until(lambda: cluster.overview().nodes[0].running > 0, "the paused node has a task")
        wait_until(lambda: states(cluster)[0] in ("lost", "connecting"), "the lease of the paused node ends")
        cluster.nodes[0].signal(signal.SIGCONT)
        outcome = good(finish(client))
        wait_until(lambda: states(cluster) == ["ready", "ready"], "the node is used again")
    assert outcome.json["model_sha256"] == expected_long
    assert outcome.json["retries"] > 0


def states(cluster: Cluster) -> list[str]:
    return [node.state for node in cluster.overview().nodes]


def wait_until_busy(cluster: Cluster, client: subprocess.Popen[str]) -> None:
    """Wait until the first node works on a training task of a run."""

    def is_busy() -> bool:
        assert client.poll() is None, client.communicate()
        found = cluster.overview()
        return bool(found.work) and found.work[0].tasks_done > 10 and found.nodes[0].running > 0

    wait_until(is_busy, "the first node is training")
