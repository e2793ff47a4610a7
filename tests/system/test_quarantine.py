"""Trust in a node outlives the coordinator."""

from __future__ import annotations

from pathlib import Path

from roundhouse import connect
from rpc.messages import NodeRow
from tests.system.cluster import finish, wait_until
from tests.system.test_faults import MixedCluster, odd_node


def test_a_quarantine_holds_over_a_restart_until_somebody_readmits_the_node(tmp_path: Path) -> None:
    node = odd_node("nan")
    with MixedCluster(tmp_path, [node], [node.port], "--data-dir", str(tmp_path / "coordinator")) as cluster:
        client = cluster.client("2", "2", "8", "0.0001", "--quiet", "--max-attempts", "100")

        def row() -> NodeRow:
            return cluster.overview().nodes[0]

        wait_until(lambda: row().state == "quarantined", "three bad answers put the node into quarantine")
        before = row()
        cluster.restart_coordinator()
        wait_until(lambda: bool(row().numeric_classes), "the node is back")
        after = row()
        assert (after.state, after.reason) == ("quarantined", before.reason)
        assert abs(after.until_ms - before.until_ms) < 100
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            session.order_node(after.id, "readmit")
        wait_until(lambda: row().state == "ready", "it is trusted again")
        client.terminate()
        finish(client)
