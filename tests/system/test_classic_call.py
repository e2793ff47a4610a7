"""The classic Thrift call with the stock library, no hello: `train(dir, rounds, epochs, h, k, eta) -> double`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport

from rpc.generated import Coordinator, ttypes
from tests.system.cluster import LETTERS, Cluster, wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("classic")
    root = folder / "root"
    shutil.copytree(LETTERS, root / "letters")
    (root / "outside").symlink_to(LETTERS)
    shutil.copytree(LETTERS, root / "leading_out")
    (root / "leading_out" / "train_letters1.txt").unlink()
    (root / "leading_out" / "train_letters1.txt").symlink_to(LETTERS / "train_letters1.txt")
    with Cluster(folder, nodes=2, coordinator_arguments=("--data-root", str(root))) as cluster:
        yield cluster


@contextmanager
def stock_client(cluster: Cluster) -> Iterator[Any]:
    transport = TFramedTransport(TSocket("127.0.0.1", cluster.coordinator.port))
    transport.open()
    try:
        yield Coordinator.Client(TBinaryProtocol(transport))
    finally:
        transport.close()


def test_a_stock_client_trains_and_gets_the_validation_error(cluster: Cluster) -> None:
    with stock_client(cluster) as client:
        error = client.train("letters", 3, 75, 24, 0, 0.0001)
    assert 0.35 <= error <= 0.45
    ours = cluster.train("3", "75", "24", "0.0001", "--quiet")
    assert abs(ours.error - error) < 0.0001


@pytest.mark.parametrize(
    "name", ["../root/../..", "/etc", "outside", "nowhere", "leading_out", "a\0b", "letters/../../x"]
)
def test_folders_outside_the_data_root_are_refused_without_saying_where_it_is(cluster: Cluster, name: str) -> None:
    with stock_client(cluster) as client, pytest.raises(ttypes.Failure) as caught:
        client.train(name, 1, 1, 4, 0, 0.0001)
    assert "pytest" not in caught.value.message and str(LETTERS) not in caught.value.message


def test_a_senseless_setting_is_a_failure_that_names_it(cluster: Cluster) -> None:
    with stock_client(cluster) as client, pytest.raises(ttypes.Failure, match="rounds"):
        client.train("letters", 0, 1, 4, 0, 0.0001)


def states(cluster: Cluster) -> list[str]:
    """Of all runs, the newest first."""
    return [row.state for row in cluster.overview().work]


def test_who_hangs_up_cancels_the_run(cluster: Cluster) -> None:
    with stock_client(cluster) as client:
        client.send_train("letters", 1000, 1000, 24, 0, 0.0001)
        wait_until(lambda: states(cluster)[:1] == ["running"], "the run is there")
    wait_until(lambda: states(cluster)[:1] == ["cancelled"], "the run is cancelled")
