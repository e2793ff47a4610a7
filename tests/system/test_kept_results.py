"""A node whose connections end goes on, and what it has trained is not trained again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.system.cluster import LETTERS, Program, wait_until
from tests.system.proxy import Mode, Proxy
from tests.system.test_faults import MixedCluster
from tests.system.test_same_bits import good

LONG_TASKS = ("1", "2000", "24", "0.0001", "--tolerance", "0", "--quiet")


@pytest.fixture
def two_shards(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("train_letters1.txt", "train_letters2.txt", "validate_letters.txt"):
        shutil.copy(LETTERS / name, folder)
    return folder


def test_a_task_whose_connection_is_cut_is_joined_and_gives_the_same_bits(tmp_path: Path, two_shards: Path) -> None:
    node = Program("compute_node.py", "0", "--log-level", "info").serve()
    with (
        Proxy(node.port) as proxy,
        MixedCluster(tmp_path, [node], [proxy.port], "--beat", "0.1", "--lease", "5") as cluster,
    ):
        expected = good(cluster.train(*LONG_TASKS, data=two_shards)).sha256
        started = n_started(node)
        client = cluster.client(*LONG_TASKS, data=two_shards)
        wait_until(lambda: n_started(node) == started + 1, "a task runs")
        proxy.mode = Mode.CUT
        wait_until(lambda: cluster.overview().nodes[0].state == "lost", "the connections are cut")
        proxy.mode = Mode.PASS
        stdout, stderr = client.communicate(timeout=60)
        assert f"model sha256: {expected}" in stdout, stderr
        assert n_started(node) == started + 2, "each shard was trained once"
        assert any("goes on as" in line or "its result was kept" in line for line in node.stderr)


def n_started(node: Program) -> int:
    """How often the node has begun to train."""
    return sum(": started (round" in line for line in node.stderr)
