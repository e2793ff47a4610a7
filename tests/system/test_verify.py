"""A run is verified: its updates are computed again, and who gave another one is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from roundhouse import connect
from tests.system.cluster import ROOT, Cluster, plain_nodes
from tests.system.test_faults import MixedCluster, odd_node
from tests.system.test_same_bits import good

RUN = ("3", "50", "12", "0.0001", "--json")


def verify(cluster: Cluster, run: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "client.py", "runs", "verify", run, *options]
    command += ["--server", f"127.0.0.1:{cluster.coordinator.port}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("memo", ["0", "1GB"])
def test_an_honest_run_is_verified(tmp_path: Path, memo: str) -> None:
    with Cluster(tmp_path, nodes=2, coordinator_arguments=("--memo-size", memo)) as cluster:
        run = good(cluster.train(*RUN)).json["id"]
        done = verify(cluster, run, "--sample", "0.2", "--seed", "3", "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        again = verify(cluster, found["verification"])
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            assert session.run("latest").id == run, "not the verification, which is newer"
    assert (again.returncode, again.stdout, len(again.stderr.splitlines())) == (2, "", 1)
    assert f"it is itself a verification, of {run}; verify that one" in again.stderr
    assert (found["run"], found["updates"], found["same"]) == (run, 10 * found["rounds"], True)
    assert (found["checked"], found["all_updates"]) == (found["updates"] if memo == "0" else 6, 30)
    assert found["known"] == (0 if memo == "0" else 10 + found["updates"] - 6), "all but a fifth of 30"


@pytest.mark.parametrize("memo", ["0", "1GB"])
def test_a_node_that_lied_is_named(tmp_path: Path, memo: str) -> None:
    nodes = [odd_node("lies"), *plain_nodes(2)]
    ports = [node.port for node in nodes]
    with MixedCluster(tmp_path, nodes, ports, "--memo-size", memo) as cluster:
        run = good(cluster.train(*RUN)).json["id"]
        done = verify(cluster, run, "--sample", "1", "--quiet", "--json")
    assert done.returncode == 1, (done.stdout, done.stderr)
    about = json.loads(done.stdout)
    assert about["same"] is False and f"client: {about['reason']}\n" == done.stderr
    assert "MISMATCH in round 2, shard train_letters" in done.stderr
    assert f": node 127.0.0.1:{ports[0]} gave " in done.stderr, "whether it lied in the run or in the verification"
    assert "no third node" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_node_of_its_class_a_run_cannot_be_verified(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1) as cluster:
        run = good(cluster.train(*RUN)).json["id"]
        cluster.nodes[0].kill()
        done = verify(cluster, run)
        assert done.returncode == 4
        assert "no node of that class is connected" in done.stderr
        assert verify(cluster, "nobody").returncode == 1
