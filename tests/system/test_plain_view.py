"""Status, events, why and watch, with real processes and over a restart of the coordinator."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rpc.errors import ExitCode
from tests.system.cluster import ROOT, Cluster, Outcome, finish, wait_until
from tests.system.test_same_bits import RUN, good


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    kept = ["--data-dir", str(tmp_path / "coordinator")]
    with Cluster(tmp_path, nodes=2, node_arguments=("0.4", "--delay", "0.01"), coordinator_arguments=kept) as cluster:
        yield cluster


def started(cluster: Cluster, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "client.py", *words, "--server", f"127.0.0.1:{cluster.coordinator.port}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def client(cluster: Cluster, *words: str) -> Outcome:
    return finish(started(cluster, *words))


def as_json(cluster: Cluster, *words: str) -> Any:
    return json.loads(client(cluster, *words, "--json").stdout)


def reasons(why: dict[str, Any], about: str) -> list[str]:
    return [reason["text"] for reason in why["reasons"] if reason["about"] == about]


def test_a_run_is_explained_while_it_waits_when_it_has_ended_and_after_a_restart(cluster: Cluster) -> None:
    waiting = cluster.client(*RUN, "--select", "gpu=none-such", "--force-queue", "--quiet")
    wait_until(lambda: bool(cluster.overview().work), "it is listed")
    run = cluster.overview().work[0].id
    told = client(cluster, "why", "run", run).stdout
    assert f"{run} is pending: it waits for a compute node with gpu=none-such (--select): none of 2 has that." in told
    assert f"127.0.0.1:{cluster.nodes[0].port} is ready, but it has not gpu=none-such (--select)" in told
    assert client(cluster, "cancel", run).status == ExitCode.DONE
    finish(waiting)

    done = good(cluster.train(*RUN, "--json")).json["id"]
    why = as_json(cluster, "why", "run", done)
    (path, *_) = reasons(why, "critical path")
    assert "computing" in path and "validating" in path and "round" in path
    (rejected,) = (text for text in reasons(why, "retry") if "rejected" in text)
    assert "busy" in rejected
    assert reasons(why, "placement")[0].count("load-balancing saw")

    cluster.restart_coordinator()
    assert as_json(cluster, "why", "run", done)["reasons"] == why["reasons"]
    assert as_json(cluster, "why", "run", run)["state"] == "cancelled"
    assert client(cluster, "why", "run", done[:-2] + "x").stderr.count("do you mean run-")
    task = client(cluster, "why", "task", f"{done}/1/0")
    assert task.status == ExitCode.DONE and "is done by 127.0.0.1:" in task.stdout


def test_why_a_node_is_drained_is_known_after_a_restart(cluster: Cluster) -> None:
    node = f"127.0.0.1:{cluster.nodes[0].port}"
    assert client(cluster, "nodes", "drain", node, "--reason", "a new disk").status == ExitCode.DONE
    cluster.restart_coordinator()
    why = as_json(cluster, "why", "node", node)
    assert why["state"] == "drained" and any("a new disk" in text for text in reasons(why, "node"))
    assert f"client.py nodes resume {node}" in why["reasons"][0]["advice"]


def test_events_are_told_by_run_by_node_and_as_they_happen(cluster: Cluster) -> None:
    done = good(cluster.train(*RUN, "--json")).json["id"]
    kinds = {row["kind"] for row in as_json(cluster, "events", "--run", done, "--limit", "1000")}
    assert {"round done", "completed", "rejected"} <= kinds
    assert not {"round done", "rejected"} & {row["kind"] for row in as_json(cluster, "events", "--notable")}
    node = f"127.0.0.1:{cluster.nodes[1].port}"
    assert {row["node"] for row in as_json(cluster, "events", "--node", node)} == {node}
    assert as_json(cluster, "events", "--since", "2000-01-01", "--limit", "1") != []
    following = started(cluster, "events", "--follow", "--notable", "--limit", "1")
    assert following.stdout is not None
    assert "completed" in following.stdout.readline()
    client(cluster, "nodes", "drain", node, "--reason", "a new disk")
    assert following.stdout.readline().endswith(f"drained: node {node}: a new disk\n")
    following.send_signal(signal.SIGINT)
    assert finish(following).status == ExitCode.INTERRUPTED


def test_watch_tells_when_the_coordinator_goes_and_when_it_is_back(cluster: Cluster) -> None:
    watching = started(cluster, "watch")
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("coordinator ")
    cluster.restart_coordinator()
    lines = iter(watching.stdout.readline, "")
    assert any(line.endswith("does not answer; trying again\n") for line in lines)
    assert any(line.startswith("coordinator ") for line in lines)
    watching.send_signal(signal.SIGINT)
    assert finish(watching).status == ExitCode.INTERRUPTED


def test_status_says_how_the_store_and_the_queue_are(cluster: Cluster) -> None:
    about = as_json(cluster, "status")
    assert about["store"].startswith("SQLite ") and (about["running"], about["pending"]) == (0, 0)
    assert "store well: SQLite " in client(cluster, "status").stdout


def test_the_timing_of_a_run_has_its_commits(cluster: Cluster, tmp_path: Path) -> None:
    rounds = good(cluster.train(*RUN, "--json", "--timing", str(tmp_path / "timing.txt"))).json["rounds"]
    assert all(row["commit_s"] is None or 0.0 <= row["commit_s"] < 60.0 for row in rounds)
    assert " commit " in (tmp_path / "timing.txt").read_text()
