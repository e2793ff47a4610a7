"""What a script job tells of itself is known once, whenever the coordinator is killed."""

from __future__ import annotations

from pathlib import Path

from client.jobs import job_of
from roundhouse import connect
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import Cluster, wait_until

CODE = """
import time
for step in range(400):
    print('PROGRESS: {"loss": %d}' % step, flush=True)
    time.sleep(0.01)
"""


def test_no_number_is_lost_or_doubled_when_the_coordinator_is_killed(tmp_path: Path) -> None:
    need("bwrap")
    arguments = ("--data-dir", str(tmp_path / "data"))
    cluster = Cluster(tmp_path, nodes=1, coordinator_arguments=arguments)
    with cluster, connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        job = session.submit_script(code=CODE)
        for size in (1_000, 6_000, 11_000):
            wait_until(lambda size=size: job_of(job.detail()).log_bytes > size, "more of its log")  # type: ignore[misc]
            cluster.restart_coordinator()  # with the news of the last moment not committed yet
        assert job.wait(60).id == job.id
        told = [(each.step, each.value) for each in job.metrics()]
    assert told == [(step + 1, float(step)) for step in range(400)]
