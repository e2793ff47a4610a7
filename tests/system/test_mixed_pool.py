"""A training run and script jobs on one pool: neither starves, and the run's model is the one it always is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import pytest

from roundhouse import Result, Run, Session, connect
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import LETTERS, Cluster

N_JOBS = 50
ROUNDS = 60


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    need("bwrap")
    folder = tmp_path_factory.mktemp("mixed")
    with (
        Cluster(folder, nodes=3, node_arguments=("0", "--slots", "2")) as cluster,
        connect(f"127.0.0.1:{cluster.coordinator.port}") as session,
    ):
        yield session


def train(session: Session) -> Run:
    return session.submit(LETTERS, rounds=ROUNDS, epochs=20, hidden=64, eta=0.0001, tolerance=0.0, owner="ada")


def test_neither_a_run_nor_jobs_starve_and_the_bits_are_the_same(session: Session) -> None:
    alone = train(session)
    expected = alone.wait(timeout_s=60)
    run = train(session)
    jobs = [session.submit_script(code="print('done')", owner="grace") for _ in range(N_JOBS)]
    for job in jobs:
        job.wait(timeout_s=60)
    result = run.wait(timeout_s=60)
    assert result.model_sha256 == expected.model_sha256
    row, rows = run.detail().row, [job.detail().row for job in jobs]
    last_job_ms = max(each.ended_ms for each in rows)
    ended_meanwhile = sum(each.ended_ms < row.ended_ms for each in rows)
    waits_s = [(each.started_ms - each.submitted_ms) / 1000.0 for each in rows]
    rounds_meanwhile = sum(end_ms < last_job_ms for end_ms in round_ends(row.started_ms, result))
    print(f"run {result.seconds:.1f} s, alone {expected.seconds:.1f} s; jobs waited up to {max(waits_s):.1f} s")
    assert ended_meanwhile >= N_JOBS // 2 and rounds_meanwhile >= ROUNDS // 10
    assert max(waits_s) < 30.0 and result.seconds < 6.0 * expected.seconds


def round_ends(started_ms: int, result: Result) -> Iterator[float]:
    """When each round was over, in ms since 1970."""
    return accumulate((1000.0 * each.seconds for each in result.rounds), initial=float(started_ms))
