"""A run stays in one numeric class: nodes whose kernels make other bits take no part, unless the user allows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.cluster import Cluster, Program, plain_nodes, wait_until
from tests.system.test_faults import MixedCluster
from tests.system.test_same_bits import RUN, good, states


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes with compiled kernels, one without: on this machine they differ in the last bits."""
    plain = Program("compute_node.py", "0", environment={"ROUNDHOUSE_KERNELS": "numpy"}).serve()
    nodes = [plain, *plain_nodes(2)]
    with MixedCluster(tmp_path_factory.mktemp("mixed"), nodes, [node.port for node in nodes]) as cluster:
        wait_until(lambda: states(cluster) == ["ready"] * 3, "all nodes are ready")
        yield cluster


def test_a_run_keeps_to_the_class_with_most_slots(cluster: Cluster, tmp_path: Path) -> None:
    outcome = good(cluster.train(*RUN, "--json")).json
    assert not outcome["mixed_classes"]
    assert len(outcome["numeric_class"].split(",")) == 1
    with Cluster(tmp_path, nodes=1) as alone:
        assert outcome["model_sha256"] == good(alone.train(*RUN)).sha256


def test_mixed_classes_uses_all_nodes_and_marks_the_run(cluster: Cluster) -> None:
    outcome = good(cluster.train(*RUN, "--mixed-classes", "--json")).json
    assert outcome["mixed_classes"]
    assert len(outcome["numeric_class"].split(",")) == 2
