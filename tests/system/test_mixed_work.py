"""A training run and script jobs on the same nodes: neither starves, and the run's model is the same."""

from __future__ import annotations

import time
from pathlib import Path

from client.runs import Run
from roundhouse import Session, connect
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import LETTERS, Cluster, wait_until

N_JOBS = 50
N_ROUNDS = 120
LEAST_SHARE = 0.1  # of the rounds that there would be without jobs, and of the jobs: neither waits for the other


def test_a_run_and_many_jobs_share_the_nodes(tmp_path: Path) -> None:
    need("bwrap")
    with (
        Cluster(tmp_path, nodes=3, node_arguments=("--slots", "2")) as cluster,
        connect(f"127.0.0.1:{cluster.coordinator.port}") as session,
    ):
        alone = train(session).wait(60)
        run = train(session)
        wait_until(lambda: run.detail().row.round > 0, "the first round")
        before, began = run.detail().row.round, time.monotonic()
        jobs = [session.submit_script(code="print(1)") for _ in range(N_JOBS)]
        for job in jobs:
            job.wait(60)
        rounds_meanwhile = run.detail().row.round - before
        alone_rounds = (time.monotonic() - began) * N_ROUNDS / alone.seconds
        rows = [job.detail().row for job in jobs]
        mixed = run.wait(60)
        jobs_meanwhile = sum(row.ended_ms < run.detail().row.ended_ms for row in rows)
    assert rounds_meanwhile >= alone_rounds * LEAST_SHARE, (rounds_meanwhile, alone_rounds)
    assert jobs_meanwhile >= N_JOBS * LEAST_SHARE, jobs_meanwhile
    assert max(row.started_ms - row.submitted_ms for row in rows) <= 20_000
    assert mixed.seconds <= 5 * alone.seconds + 5
    assert mixed.model_sha256 == alone.model_sha256


def train(session: Session) -> Run:
    return session.submit(LETTERS, rounds=N_ROUNDS, epochs=20, hidden=24, eta=0.0001, tolerance=0)
