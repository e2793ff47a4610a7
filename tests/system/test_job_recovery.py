"""What a coordinator that is killed knows of jobs when it starts again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from client.jobs import job_of
from roundhouse import connect
from rpc.errors import TrainerError
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import Cluster, wait_until

_SIZE = 5000  # takes a tenth of a second or more to remember
_TIMES = ("--beat", "0.5", "--lease", "2", "--job-lease", "3")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    need("bwrap")
    kept = ("--data-dir", str(tmp_path / "data"), *_TIMES)
    with Cluster(tmp_path, nodes=1, coordinator_arguments=kept) as cluster:
        yield cluster


def kill_the_node(cluster: Cluster) -> None:
    cluster.nodes[0].kill()
    cluster.restart_node(0)


def test_what_went_wrong_before_a_restart_counts_against_the_retries(cluster: Cluster) -> None:
    server = f"127.0.0.1:{cluster.coordinator.port}"
    with connect(server) as session:
        job = session.submit_script(code="import time; time.sleep(600)", retries=2, timeout_s=0).id

    def attempts() -> int:
        with connect(server) as session:
            n_attempts = job_of(session.job(job).detail()).attempts
            # What is remembered at once is so after all that was to be remembered before.
            session.submit_script(code="pass", select={"of": "none"}, force_queue=True)
            return n_attempts

    for number in (1, 2, 3):
        wait_until(lambda number=number: attempts() == number, f"start {number}")  # type: ignore[misc]
        cluster.restart_coordinator()
        kill_the_node(cluster)
    with connect(server) as session:
        for _ in session.job(job).follow(30.0):
            pass
        row = session.job(job).detail().row
    assert row.state == "failed" and row.reason.startswith("failed 3 times, last: "), row


def submit(server: str, key: str) -> str:
    with connect(server) as session:
        return session.submit_script(code="pass", array=f"1-{_SIZE}", key=key, force_queue=True).id


@pytest.mark.parametrize("delay_s", [0.01, 0.1, 0.2, 0.3, 0.5])
def test_all_of_an_array_is_there_after_a_restart_or_nothing(cluster: Cluster, delay_s: float) -> None:
    cluster.nodes[0].kill()  # nothing of it begins
    server = f"127.0.0.1:{cluster.coordinator.port}"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(submit, server, "once")
        Event().wait(delay_s)
        cluster.restart_coordinator()
        try:
            answered = first.result(60.0)
        except TrainerError:
            answered = ""
    with connect(server) as session:
        found = session.jobs()
    assert len(found) <= 1 and all(sum(row.members.values()) == _SIZE for row in found), found
    assert not answered or [row.id for row in found] == [answered]
    again = submit(server, "once")
    assert not found or again == found[0].id
    with connect(server) as session:
        members = session.jobs(array=again, limit=2 * _SIZE)
        assert sorted(row.array_index for row in members) == list(range(1, _SIZE + 1))
        assert session.job(again).cancel().members["cancelled"] == _SIZE
