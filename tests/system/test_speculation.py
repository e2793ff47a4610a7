"""A node that stands still does not hold up a round, long before its lease is over."""

from __future__ import annotations

import signal
from pathlib import Path

from roundhouse import connect
from tests.system.cluster import LETTERS, Cluster, wait_until
from tests.system.test_same_bits import good

ROUNDS = 12
LEASE_S = 60


def test_a_paused_node_holds_a_round_for_a_few_seconds_and_is_not_blamed(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1) as cluster:
        expected = good(cluster.train(str(ROUNDS), "40", "24", "0.0001")).sha256
    lease = ("--lease", str(LEASE_S))
    with (
        Cluster(tmp_path, nodes=3, coordinator_arguments=lease) as cluster,
        connect(f"127.0.0.1:{cluster.coordinator.port}") as session,
    ):
        run = session.submit(LETTERS, rounds=ROUNDS, epochs=40, hidden=24, eta=0.0001)
        wait_until(lambda: run.detail().row.round >= 1, "a round is done")
        cluster.nodes[0].signal(signal.SIGSTOP)
        second = [event for news in run for event in news.events if event.kind == "second attempt"]
        result = run.wait()
        failures = [node.failed for node in session.status().nodes]
    assert result.model_sha256 == expected
    assert result.seconds < LEASE_S
    assert second and f"127.0.0.1:{cluster.nodes[0].port}, far longer than its peers" in second[0].message
    assert failures == [0, 0, 0]
