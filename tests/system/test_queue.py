"""The options of the queue, with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rpc.errors import ExitCode
from tests.system.cluster import Cluster
from tests.system.test_same_bits import RUN, good


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("queue"), nodes=2) as cluster:
        yield cluster


def test_a_fraction_of_the_shards_gives_the_same_bits_on_any_number_of_nodes(cluster: Cluster, tmp_path: Path) -> None:
    options = (*RUN, "--fraction", "0.4")
    half = good(cluster.train(*options)).sha256
    assert half != good(cluster.train(*RUN)).sha256
    with Cluster(tmp_path, nodes=1) as alone:
        assert half == good(alone.train(*options)).sha256


def test_a_key_submits_once(cluster: Cluster) -> None:
    outcomes = [good(cluster.train(*RUN, "--key", "monday", "--json")).json for _ in range(2)]
    assert outcomes[0]["id"] == outcomes[1]["id"]


def test_a_run_keeps_to_its_number_of_nodes(cluster: Cluster) -> None:
    outcome = good(cluster.train(*RUN, "--max-nodes", "1", "--json")).json
    assert sum(outcome["tasks_by_node"].values()) == 30
    assert outcome["model_sha256"] == good(cluster.train(*RUN)).sha256


def test_a_run_that_no_node_could_ever_do_is_refused(cluster: Cluster) -> None:
    outcome = cluster.train(*RUN, "--select", "gpu=none-such", "--key", "picky")
    assert (outcome.status, outcome.stdout) == (ExitCode.REFUSED, "")
    assert "none of the 2 nodes that are known has what this needs: gpu=none-such" in outcome.stderr
    assert "--force-queue" in outcome.stderr and len(outcome.stderr.splitlines()) == 1
    good(cluster.train(*RUN, "--key", "picky"))  # the key was not used up
    good(cluster.train(*RUN, "--select", "gpu=none-such", "--key", "picky"))


def test_a_run_that_no_node_suits_says_what_it_waits_for(cluster: Cluster) -> None:
    outcome = cluster.train(*RUN, "--select", "gpu=none-such", "--force-queue", "--run-timeout", "1")
    assert outcome.status == 1
    assert "waiting for a compute node with gpu=none-such (--select): none of 2 has that" in outcome.stderr


def test_a_round_whose_deadline_is_far_gives_the_same_bits(cluster: Cluster) -> None:
    with_deadline = good(cluster.train(*RUN, "--round-deadline", "60")).sha256
    assert with_deadline == good(cluster.train(*RUN)).sha256
