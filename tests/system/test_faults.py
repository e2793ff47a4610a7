"""No hang, no lost shard, no shard counted twice, with real processes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.system.cluster import Cluster, Program, finish, plain_nodes, wait_until
from tests.system.proxy import Mode, Proxy
from tests.system.test_same_bits import LONG_RUN, RUN, good, states, wait_until_busy


class MixedCluster(Cluster):
    """A cluster whose nodes were started before, odd ones or proxies among them."""

    def __init__(self, folder: Path, nodes: list[Program], ports: list[int], *coordinator_arguments: str) -> None:
        self.nodes = nodes
        listed = folder / "nodes.txt"
        listed.write_text("".join(f"127.0.0.1,{port}\n" for port in ports))
        self._coordinator_arguments = ("3", "--nodes", str(listed), "--memo-size", "0", *coordinator_arguments)
        self.coordinator = Program("coordinator.py", "0", *self._coordinator_arguments).serve()


def odd_node(kind: str, *arguments: str) -> Program:
    return Program("-m", "tests.system.odd_node", kind, "0", *arguments).serve()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    with Cluster(tmp_path_factory.mktemp("honest"), nodes=1) as cluster:
        return good(cluster.train(*RUN)).sha256


def test_without_nodes_a_run_waits_says_so_and_fails_at_its_timeout(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1) as cluster:
        cluster.nodes[0].kill()
        client = cluster.client(*RUN, "--run-timeout", "3")
        wait_until(lambda: bool(cluster.overview().work), "the run is there")
        assert "none is connected" in cluster.overview().work[0].waiting_for
        outcome = finish(client)
        assert outcome.status == 1
        assert outcome.stderr.count("\n") == 1
        assert "run timeout" in outcome.stderr and "compute node" in outcome.stderr


def test_nodes_that_come_back_are_used_again(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=2) as cluster:
        expected = good(cluster.train(*LONG_RUN)).sha256
        client = cluster.client(*LONG_RUN, "--max-node-losses", "5")
        wait_until(lambda: len(cluster.overview().work) == 2, "the second run is there")
        wait_until_busy(cluster, client)
        for node in cluster.nodes:
            node.kill()
        cluster.restart_node(0)
        assert good(finish(client)).sha256 == expected


def test_when_every_node_always_declines_the_run_ends_at_its_timeout_and_costs_little(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=2, node_arguments=("1.0", "--delay", "0")) as cluster:
        outcome = cluster.train(*RUN, "--run-timeout", "6")
        assert outcome.status == 1
        assert "accepts" in outcome.stderr
        assert cpu_s(cluster.coordinator) < 3.0  # most of it is its start


@pytest.mark.parametrize("kind", ["nan", "short", "bug"])
def test_a_node_that_answers_badly_is_quarantined_and_the_model_is_the_same(
    tmp_path: Path, expected: str, kind: str
) -> None:
    nodes = [odd_node(kind), *plain_nodes(1)]
    with MixedCluster(tmp_path, nodes, [node.port for node in nodes]) as cluster:
        assert good(cluster.train(*RUN)).sha256 == expected
        bad = cluster.overview().nodes[0]
        assert bad.done <= 10, "surveys are all that it did well"
        assert bad.failed >= 3
        assert bad.state == "quarantined"
        assert "secret" not in bad.reason


def test_a_node_that_answers_garbage_is_left_and_the_model_is_the_same(tmp_path: Path, expected: str) -> None:
    nodes = plain_nodes(2)
    with Proxy(nodes[0].port) as proxy:
        proxy.mode = Mode.GARBAGE
        with MixedCluster(tmp_path, nodes, [proxy.port, nodes[1].port]) as cluster:
            assert good(cluster.train(*RUN)).sha256 == expected
            assert cluster.overview().nodes[0].done <= 10, "surveys are all that it did well"


def test_a_silent_nodes_tasks_run_elsewhere_when_its_lease_is_over(tmp_path: Path, expected: str) -> None:
    nodes = plain_nodes(2)
    with (
        Proxy(nodes[0].port) as proxy,
        MixedCluster(tmp_path, nodes, [proxy.port, nodes[1].port], "--beat", "0.2", "--lease", "1") as cluster,
    ):
        wait_until(lambda: states(cluster) == ["ready", "ready"], "both nodes are up")
        proxy.mode = Mode.SILENT
        started = time.monotonic()
        assert good(cluster.train(*RUN)).sha256 == expected
        assert time.monotonic() - started < 15.0
        proxy.mode = Mode.PASS
        wait_until(lambda: states(cluster) == ["ready", "ready"], "the silent node is back")


def test_divergence_is_tried_twice_and_fails_naming_round_shard_and_eta(tmp_path: Path) -> None:
    nodes = [odd_node("diverges"), odd_node("diverges")]
    with MixedCluster(tmp_path, nodes, [node.port for node in nodes]) as cluster:
        outcome = cluster.train(*RUN)
        assert outcome.status == 1
        assert "round 1" in outcome.stderr and "train_letters" in outcome.stderr and "eta 0.0001" in outcome.stderr
        assert states(cluster) == ["ready", "ready"]


def test_a_shard_that_kills_its_nodes_fails_the_run_naming_it(tmp_path: Path) -> None:
    nodes = [odd_node("dies") for _ in range(4)]
    with MixedCluster(tmp_path, nodes, [node.port for node in nodes]) as cluster:
        outcome = cluster.train(*RUN)
        assert outcome.status == 1
        assert "train_letters4.txt" in outcome.stderr and "3 nodes were lost" in outcome.stderr
        assert [node.process.poll() for node in nodes].count(None) == 1


def test_ctrl_c_cancels_the_run_of_the_seven_argument_client(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1) as cluster:
        client = cluster.client("1000", "1000", "24", "0.0001", "--tolerance", "0")
        wait_until_busy(cluster, client)
        client.send_signal(signal.SIGINT)
        assert finish(client).status == 130
        wait_until(lambda: cluster.overview().work[0].state == "cancelled", "the run is cancelled")
        wait_until(lambda: cluster.overview().nodes[0].running == 0, "its node is free")


def test_sigterm_ends_every_program_within_its_time(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, nodes=1)
    started = time.monotonic()
    assert [program.stop() for program in (cluster.coordinator, *cluster.nodes)] == [0, 0]
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize("kind", ["sleeps", "multiplies"])
def test_sigterm_ends_a_node_in_the_middle_of_a_huge_step(tmp_path: Path, kind: str) -> None:
    with MixedCluster(tmp_path, nodes := [odd_node(kind)], [nodes[0].port]) as cluster:
        client = cluster.client(*RUN)
        wait_until(lambda: is_training(cluster), "the node is training")
        started = time.monotonic()
        assert nodes[0].stop() == 0
        assert time.monotonic() - started < 5.0
        client.kill()
        finish(client)


def is_training(cluster: Cluster) -> bool:
    """Whether all shards are surveyed and a task runs."""
    found = cluster.overview()
    return bool(found.work) and found.work[0].tasks_done == 10 and found.nodes[0].running > 0


def cpu_s(program: Program) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0
