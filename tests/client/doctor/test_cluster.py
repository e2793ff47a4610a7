"""What is said of a coordinator's store and nodes."""

from __future__ import annotations

from client.doctor.cluster import look_at_cluster
from rpc.findings import Finding, Level
from rpc.messages import SCRIPTS, GpuUse, NodeRow, Overview

GB = 1_000_000_000
WELL = NodeRow(
    "a:1", "a", "ready", version="0.1.0", labels={SCRIPTS: "bwrap,docker"}, disk_free_bytes=9 * GB,
    disk_total_bytes=10 * GB, gpus=(GpuUse("H100"), GpuUse("H100")),
)  # fmt: skip


def found(*nodes: NodeRow, store_fault: str = "") -> dict[str, Finding]:
    overview = Overview("0.1.0", "random", 5.0, nodes, store="SQLite 3", store_fault=store_fault)
    return {each.about: each for each in look_at_cluster(overview)}


def test_nodes_that_are_well() -> None:
    steps = found(WELL)
    assert {each.level for each in steps.values()} == {Level.OK}
    assert steps["script jobs"].text == "bwrap on 1 of 1, docker on 1 of 1"
    assert steps["node GPUs"].text == "2 x H100"


def test_no_node_at_all_and_none_that_works() -> None:
    assert found()["nodes"].level is Level.BAD
    lost = NodeRow("b:1", "b", "lost", reason="silent for 10 s")
    assert found(lost)["nodes"].text == "1 lost: nothing can be computed"
    assert found(WELL, lost)["node"] == Finding(
        "node", Level.NOTE, "b is lost: silent for 10 s", "client.py why node b:1"
    )


def test_what_is_old_full_or_takes_no_jobs_is_noted() -> None:
    poor = NodeRow("c:1", "c", "ready", version="0.0.9", disk_free_bytes=GB, disk_total_bytes=10 * GB)
    steps = found(poor)
    assert {about for about, each in steps.items() if each.level is Level.NOTE} == {
        "node versions", "script jobs", "node disks",
    }  # fmt: skip


def test_a_store_that_is_away_is_bad() -> None:
    assert found(WELL, store_fault="disk full")["store"].level is Level.BAD
