"""More runs than are shown at once, with real processes."""

from __future__ import annotations

from pathlib import Path

from roundhouse import connect
from tests.system.cluster import LETTERS, Cluster, wait_until

N_QUEUED = 150


def test_what_runs_is_shown_however_many_runs_were_submitted_since(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1) as cluster, connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        first = session.submit(LETTERS, rounds=5000, epochs=20, hidden=24, eta=0.0001, tolerance=0, priority=1)
        wait_until(lambda: session.status().running == 1, "the first run has begun")
        spec = first.spec()
        queued = [session.start(spec) for _ in range(N_QUEUED)]
        overview = session.status()
        assert [row.id for row in overview.work if row.state == "running"][-1] == first.id
        assert overview.work[-1].id == first.id and overview.work[0].id == queued[-1].id
        assert overview.pending + overview.running == 1 + N_QUEUED
        for run in (first, *queued):
            run.cancel()
        assert session.status().pending == session.status().running == 0
