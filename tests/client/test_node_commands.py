"""`client.py nodes`: what is shown, and what is asked of the coordinator."""

from __future__ import annotations

import json

import pytest

from rpc.errors import ExitCode
from rpc.messages import GpuUse, NodeRow
from tests.client.conftest import RunClient
from tests.client.fake import Serving

LISTED = NodeRow(
    "127.0.0.1:9091", "127.0.0.1:9091", "ready", 1, 1, 12, 3, 0, 4.25, "cpu", source="listed",
    cpu=0.254, memory_used_bytes=3_000_000_000, memory_total_bytes=8_000_000_000,
    disk_free_bytes=1_500_000_000, disk_total_bytes=200_000_000_000, cache_bytes=2_500_000_000,
    gpus=(GpuUse("NVIDIA H100", 0.35, 12_000_000_000, 80_000_000_000),),
)  # fmt: skip
JOINED = NodeRow(
    id="node-0123456789abcdef",
    name="gpu-box",
    state="quarantined",
    slots=2,
    failed=5,
    reason="its answers are not finite",
    identity="node-0123456789abcdef",
    source="joined",
    labels={"gpu": "H100", "arch": "x86_64"},
    numeric_classes={"float32/1": "abc"},
    until_ms=1_700_000_000_000,
)


@pytest.fixture
def serving(coordinator: Serving) -> Serving:
    coordinator.fake.node_rows = (LISTED, JOINED)
    return coordinator


def test_nodes_stand_in_columns(serving: Serving, run_client: RunClient) -> None:
    ended = run_client("nodes", "list", "--server", serving.address)
    assert [line.split() for line in ended.out.splitlines()] == [
        ["node", "state", "source", "name", "slots", "running", "done", "failed", "cpu", "memory", "disk", "free"],
        ["127.0.0.1:9091", "ready", "listed", "-", "1", "1", "12", "0", "25%", "38%", "1.50", "GB"],
        ["node-0123456789abcdef", "quarantined", "joined", "gpu-box", "2", "0", "0", "5", "-", "-", "-"],
    ]


def test_everything_known_of_a_node_is_shown(serving: Serving, run_client: RunClient) -> None:
    ended = run_client("nodes", "show", "gpu-box", "--server", serving.address)
    shown = dict(line.split("  ", 1) for line in ended.out.splitlines())
    facts = {name.strip(): text.strip() for name, text in shown.items()}
    assert facts["state"] == "quarantined"
    assert facts["reason"] == "its answers are not finite"
    assert (facts["label gpu"], facts["label arch"], facts["class float32/1"]) == ("H100", "x86_64", "abc")
    assert facts["quarantined until"].startswith("2023-11-1")
    assert not {"speed", "cpu", "memory", "disk", "cache", "gpu 0"} & facts.keys()


def test_what_is_in_use_on_a_node_is_shown(serving: Serving, run_client: RunClient) -> None:
    lines = run_client("nodes", "show", LISTED.id, "--server", serving.address).out.splitlines()
    facts = {name: text.strip() for name, text in (line.split("  ", 1) for line in lines)}
    assert facts["cpu"] == "25% in use"
    assert facts["memory"] == "3.00 GB of 8.00 GB in use"
    assert facts["disk"] == "1.50 GB of 200 GB free"
    assert facts["cache"] == "2.50 GB kept"
    assert facts["gpu 0"] == "NVIDIA H100, 35% busy, 12.0 GB of 80.0 GB in use"


def test_json_has_the_same_facts(serving: Serving, run_client: RunClient) -> None:
    rows = json.loads(run_client("nodes", "list", "--json", "--server", serving.address).out)
    assert [row["source"] for row in rows] == ["listed", "joined"]
    row = json.loads(run_client("nodes", "show", JOINED.identity, "--json", "--server", serving.address).out)
    assert row["labels"] == JOINED.labels


def test_a_node_that_nobody_knows_is_one_line_and_status_1(serving: Serving, run_client: RunClient) -> None:
    ended = run_client("nodes", "show", "nobody", "--server", serving.address)
    assert ended.status == ExitCode.FAILED
    assert ended.err == "client: no node is called 'nobody'; `client.py nodes list` lists them\n"


def test_a_node_is_added(serving: Serving, run_client: RunClient) -> None:
    ended = run_client("nodes", "add", "10.0.0.7:9091", "--server", serving.address)
    assert (ended.status, ended.out) == (ExitCode.DONE, "10.0.0.7:9091: connecting\n")


@pytest.mark.parametrize("order", ["drain", "resume", "remove", "readmit"])
def test_an_order_goes_to_the_coordinator_with_its_reason(serving: Serving, run_client: RunClient, order: str) -> None:
    ended = run_client("nodes", order, "gpu-box", "--reason", "new disk", "--json", "--server", serving.address)
    assert json.loads(ended.out)["id"] == JOINED.id
    assert serving.fake.orders == [("gpu-box", order, "new disk")]
