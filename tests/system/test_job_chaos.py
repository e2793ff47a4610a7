"""Script jobs end once and are not lost, whatever is killed: the short form of `make job-chaos`."""

from __future__ import annotations

import pytest

from tests.compute_node.scripts.conftest import need
from tests.system.job_chaos import job_chaos

N_JOBS = 40


@pytest.mark.timeout(180)
def test_every_job_completes_once_while_nodes_and_coordinator_are_killed() -> None:
    need("bwrap")
    report = job_chaos(N_JOBS, life_s=1.0, limit_s=120.0, seed=3)
    assert report.states == {"completed": N_JOBS}
    assert report.names == {f"job {number}": 1 for number in range(N_JOBS)}
    assert report.early == []
    assert report.kills.total() > 0
