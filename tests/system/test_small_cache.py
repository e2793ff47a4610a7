"""A node whose cache is far too small for its work: all of it is done all the same, and the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_node.cache import CacheSettings
from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from roundhouse import Session, connect
from tests.compute_node.running import running
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import LETTERS, Cluster, Program, wait_until

NOTHING = CacheSettings(max_bytes=1, grace_s=0.0, every_s=0.1)


@pytest.fixture
def cache() -> CacheSettings:
    """Nothing is kept that is not in use."""
    return NOTHING


@pytest.fixture
def session(tmp_path: Path, cache: CacheSettings) -> Iterator[Session]:
    """A cluster of one node."""
    need("bwrap")
    config = NodeConfig(data_dir=str(tmp_path / "node"), cache=cache, shard_cache_bytes=1)
    with running(ComputeNode(config)) as node:
        (tmp_path / "nodes.txt").write_text(f"127.0.0.1,{node.address[1]}\n")
        listed = ("--nodes", str(tmp_path / "nodes.txt"), "--memo-size", "0", "--http-port", "off")
        coordinator = Program("coordinator.py", "0", "load-balancing", *listed).serve()
        try:
            with connect(f"127.0.0.1:{coordinator.port}") as session:
                yield session
        finally:
            coordinator.stop()


def blobs(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "node" / "blobs").iterdir() if len(path.name) == 64]


def test_a_job_finds_its_bundle_and_its_data_each_time(session: Session, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("1,2")
    for _ in range(3):
        job = session.submit_script(code="print(open('data/mine/a.csv').read())", datasets={"mine": tmp_path / "rows"})
        assert job.wait().id == job.id
        wait_until(lambda: not blobs(tmp_path), "nothing is kept")
        assert [*(tmp_path / "node" / "environments").iterdir()] == [tmp_path / "node" / "environments" / "lock"]


def test_a_run_gets_its_shards_again_and_makes_the_same_model(session: Session, tmp_path: Path) -> None:
    small = session.submit(LETTERS, rounds=20, epochs=1, hidden=8, eta=0.0001).wait()
    with Cluster(tmp_path, nodes=1) as cluster, connect(f"127.0.0.1:{cluster.coordinator.port}") as there:
        large = there.submit(LETTERS, rounds=20, epochs=1, hidden=8, eta=0.0001).wait()
    assert small.model_sha256 == large.model_sha256
    assert small.bytes_sent > 2 * large.bytes_sent


@pytest.mark.parametrize("cache", [CacheSettings(every_s=0.1)])
def test_how_much_a_node_keeps_is_told(session: Session, tmp_path: Path) -> None:
    session.submit_script(code="print('small')").wait()
    (blob,) = blobs(tmp_path)
    size = (tmp_path / "node" / "blobs" / blob).stat().st_size
    wait_until(lambda: [node.cache_bytes for node in session.status().nodes] == [size], "the heartbeat tells it")
