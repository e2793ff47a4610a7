"""Nodes that come and go: they join, are drained, end when told to, and the list is edited."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from roundhouse import connect
from rpc.errors import ExitCode
from rpc.messages import EventQuery
from tests.system.cluster import ROOT, Cluster, Outcome, Program, finish, wait_until

RUN = ("3", "20", "24", "0.0001", "--quiet", "--seed", "5")
LONG = ("2", "4000", "24", "0.0001", "--quiet")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, nodes=1) as cluster:
        yield cluster


class Joined:
    """A node that has dialled the coordinator of a cluster."""

    def __init__(self, cluster: Cluster, *arguments: str) -> None:
        self.program = Program("compute_node.py", "--join", f"127.0.0.1:{cluster.coordinator.port}", *arguments)

    def __enter__(self) -> Joined:
        return self

    def __exit__(self, *exc: object) -> None:
        self.program.stop()


def nodes(cluster: Cluster, *words: str) -> Outcome:
    """Run `client.py nodes ...`."""
    command = [sys.executable, "client.py", "nodes", *words, "--server", f"127.0.0.1:{cluster.coordinator.port}"]
    return finish(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))


def rows(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """The nodes by how they became known."""
    return {row["source"]: row for row in json.loads(nodes(cluster, "list", "--json").stdout)}


def wait_state(cluster: Cluster, node: str, state: str) -> None:
    wait_until(lambda: {row.id: row.state for row in cluster.overview().nodes}.get(node) == state, f"{node} {state}")


def joined_id(cluster: Cluster) -> str:
    """The id of the node that has joined, once it is ready."""
    wait_until(lambda: any(row.source == "joined" and row.state == "ready" for row in cluster.overview().nodes), "join")
    return next(row.id for row in cluster.overview().nodes if row.source == "joined")


def test_a_node_that_joins_trains_the_same_bits_as_one_that_listens(cluster: Cluster, tmp_path: Path) -> None:
    alone = cluster.train(*RUN)
    arguments = ("--slots", "2", "--label", "rack=a", "--data-dir", str(tmp_path / "node"))
    with Joined(cluster, *arguments) as joined:
        node = joined_id(cluster)
        assert not listening(joined.program.process.pid)
        assert nodes(cluster, "drain", f"127.0.0.1:{cluster.nodes[0].port}").status == ExitCode.DONE
        assert cluster.train(*RUN).sha256 == alone.sha256
        row = json.loads(nodes(cluster, "show", node, "--json").stdout)
        assert row["done"] == 40 and row["labels"]["rack"] == "a" and row["labels"]["cores"]
    wait_state(cluster, node, "lost")
    with Joined(cluster, "--data-dir", str(tmp_path / "node")):
        wait_state(cluster, node, "ready")
        assert rows(cluster)["joined"]["id"] == node, "its key file says who it is"


def test_a_second_node_with_the_same_key_waits_until_the_first_one_is_killed(tmp_path: Path) -> None:
    key = ("--key-file", str(tmp_path / "key"))
    with Cluster(tmp_path, nodes=0) as cluster, Joined(cluster, *key) as first:
        node = joined_id(cluster)
        with Joined(cluster, *key) as second:
            told = second.program.stderr
            wait_until(lambda: bool(told), "the second one says why it is not taken")
            assert f"{node} is connected already, from 127.0.0.1:" in told[0] and "--key-file" in told[0]
            assert cluster.train("2", "20", "8", "0.0001", "--quiet").status == ExitCode.DONE
            assert (len(told), first.program.stderr) == (1, []), "neither drives the other one out"
            with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:

                def kinds() -> list[str]:
                    return [event.kind for event in session.events(EventQuery(node=node)).events]

                assert kinds() == ["node up"]
                first.program.kill()
                wait_until(lambda: kinds()[1:] == ["node lost", "node up"], "the second one takes its place")
            assert cluster.train("2", "20", "8", "0.0001", "--quiet").status == ExitCode.DONE


def listening(pid: int) -> list[Any]:
    """The sockets on which a process waits for others."""
    sockets = psutil.Process(pid).net_connections("inet")
    return [each for each in sockets if each.status == psutil.CONN_LISTEN]


def test_a_node_joins_again_when_the_coordinator_was_killed(tmp_path: Path) -> None:
    kept = ["--data-dir", str(tmp_path / "coordinator")]
    with Cluster(tmp_path, nodes=0, coordinator_arguments=kept) as cluster, Joined(cluster):
        node = joined_id(cluster)
        port = cluster.coordinator.port
        cluster.coordinator.kill()
        cluster.coordinator = Program(
            "coordinator.py", str(port), "--nodes", str(tmp_path / "nodes.txt"), "--http-port", "off", *kept
        ).serve()
        wait_state(cluster, node, "ready")
        assert cluster.train("1", "5", "8", "0.0001", "--quiet").status == ExitCode.DONE


def test_a_drained_node_finishes_what_runs_and_ends_if_it_was_started_so(cluster: Cluster) -> None:
    listed = f"127.0.0.1:{cluster.nodes[0].port}"
    with Joined(cluster, "--exit-when-drained") as joined:
        node = joined_id(cluster)
        client = cluster.client(*RUN)
        wait_until(lambda: bool(row_of(cluster, node).done), "a task is done")
        assert nodes(cluster, "drain", node).status == ExitCode.DONE
        assert joined.program.process.wait(30) == ExitCode.DONE
        assert finish(client).status == ExitCode.DONE
        assert row_of(cluster, node).failed == 0
    assert row_of(cluster, listed).done


def row_of(cluster: Cluster, node: str) -> Any:
    return next(row for row in cluster.overview().nodes if row.id == node)


def test_a_node_that_gets_sigterm_finishes_what_runs_within_its_grace(cluster: Cluster) -> None:
    (node,) = cluster.nodes
    client = cluster.client(*RUN)
    wait_until(lambda: bool(cluster.overview().nodes[0].running), "a task runs")
    node.signal(signal.SIGTERM)
    assert node.process.wait(10) == ExitCode.DONE
    overview = cluster.overview()
    assert overview.work[0].state == "running"
    node.stop()
    cluster.restart_node(0)
    ended = finish(client)
    assert ended.status == ExitCode.DONE, ended.stderr


def test_a_task_that_is_too_long_ends_with_the_grace(cluster: Cluster) -> None:
    (node,) = cluster.nodes
    client = cluster.client(*LONG)
    wait_until(lambda: any(row.tasks_done >= 10 for row in cluster.overview().work), "all are surveyed")
    node.signal(signal.SIGTERM)
    assert node.process.wait(8) == ExitCode.DONE
    client.terminate()
    finish(client)


def test_an_edit_of_the_list_is_taken_up(cluster: Cluster, tmp_path: Path) -> None:
    second = Program("compute_node.py", "0").serve()
    try:
        first = f"127.0.0.1:{cluster.nodes[0].port}"
        (tmp_path / "nodes.txt").write_text(f"127.0.0.1,{second.port}\n")
        wait_state(cluster, f"127.0.0.1:{second.port}", "ready")
        assert first not in {row.id for row in cluster.overview().nodes}
        assert cluster.train("1", "5", "8", "0.0001", "--quiet").status == ExitCode.DONE
    finally:
        second.stop()


def test_a_removed_node_is_not_used_until_it_is_resumed(cluster: Cluster) -> None:
    node = f"127.0.0.1:{cluster.nodes[0].port}"
    wait_state(cluster, node, "ready")
    assert nodes(cluster, "remove", node).stdout == f"{node}: removed\n"
    assert cluster.overview().nodes == ()
    cluster.nodes[0].kill()
    cluster.restart_node(0)
    assert cluster.overview().nodes == ()
    nodes(cluster, "resume", node)
    wait_state(cluster, node, "ready")


def test_a_port_and_a_coordinator_to_join_are_not_both_given() -> None:
    for arguments in (["9091", "--join", "localhost:9095"], []):
        command = [sys.executable, "compute_node.py", *arguments]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode == ExitCode.USAGE
        assert "give either a PORT to serve on or --join HOST:PORT" in ended.stderr
