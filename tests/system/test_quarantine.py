"""Trust in a node outlives the coordinator."""

from __future__ import annotations

from pathlib import Path

from roundhouse import connect
from rpc.messages import EventQuery, NodeRow
from tests.system.cluster import Cluster, finish, wait_until
from tests.system.test_faults import MixedCluster, odd_node


def kinds(cluster: Cluster) -> set[str]:
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        return {event.kind for event in session.events(EventQuery(notable=True)).events}


def test_a_quarantine_holds_over_a_restart_until_somebody_readmits_the_node(tmp_path: Path) -> None:
    node = odd_node("nan")
    with MixedCluster(tmp_path, [node], [node.port], "--data-dir", str(tmp_path / "coordinator")) as cluster:
        client = cluster.client("2", "2", "8", "0.0001", "--quiet", "--max-attempts", "100")

        def row() -> NodeRow:
            return cluster.overview().nodes[0]

        # Events are told once they are committed, and with this one the state of the node is.
        wait_until(lambda: "quarantined" in kinds(cluster), "three bad answers put the node into quarantine")
        before = row()
        client.terminate()
        finish(client)
        cluster.restart_coordinator()
        wait_until(lambda: bool(row().numeric_classes), "the node is back")
        after = row()
        assert (after.state, after.reason) == ("quarantined", before.reason)
        assert abs(after.until_ms - before.until_ms) < 100
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            session.order_node(after.id, "readmit")
        wait_until(lambda: row().state == "ready", "it is trusted again")
