"""Arrays of jobs with real nodes: none is lost or done twice, and no more are at work than may be."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.jobs import Job
from roundhouse import Session, connect
from rpc.errors import ExitCode
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import Cluster, wait_until
from tests.system.test_script_jobs import client

SQUARE = """
import os, pathlib
index = int(os.environ["ROUNDHOUSE_ARRAY_INDEX"])
pathlib.Path("out/square.txt").write_text(str(index * index))
print(f"index {index} of {os.environ['ROUNDHOUSE_ARRAY_COUNT']}")
"""
FAILS_AT_FOUR = "import os; assert os.environ['ROUNDHOUSE_ARRAY_INDEX'] != '4' or 'GOOD' in os.environ"
_PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need("bwrap")
    folder = tmp_path_factory.mktemp("arrays")
    kept = ("--data-dir", str(folder / "data"))
    with Cluster(folder, nodes=3, node_arguments=("--slots", "2"), coordinator_arguments=kept) as cluster:
        yield cluster


@pytest.fixture
def session(cluster: Cluster) -> Iterator[Session]:
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        yield session


def over(job: Job) -> str:
    for _ in job.follow(_PATIENCE_S):
        pass
    return job.detail().row.state


def test_an_array_over_three_nodes_is_done_once_though_the_coordinator_is_killed(
    cluster: Cluster, session: Session
) -> None:
    array = session.submit_script(code=SQUARE, array="1-50")
    wait_until(lambda: array.detail().row.members["completed"] > 3, "the first of its jobs")
    cluster.restart_coordinator()
    assert over(array) == "completed"
    members = session.jobs(array=array.id)
    assert [row.array_index for row in members] == list(range(50, 0, -1))
    assert {row.state for row in members} == {"completed"}
    logs = [next(each.text for each in session.job(row.id).logs() if each.stream == "o") for row in members[:9]]
    assert logs == [f"index {index} of 50" for index in range(50, 41, -1)]
    ended = Counter(row.work for row in session.events().events if row.kind == "completed")
    assert max(ended.values()) == 1


def test_a_job_of_an_array_leaves_files_of_its_own(cluster: Cluster, tmp_path: Path) -> None:
    submitted = client(cluster, "submit", SQUARE, "--array", "3-9:3", "--wait")
    assert submitted.status == ExitCode.DONE, submitted.stderr
    array = submitted.stdout.strip()
    assert f"client: {array}: all 3 jobs completed after" in submitted.stderr
    assert client(cluster, "artifacts", f"{array}/6", "--out", tmp_path).status == ExitCode.DONE
    assert (tmp_path / "square.txt").read_text() == "36"
    assert "index 9 of 3" in client(cluster, "logs", f"{array}-9").stdout
    for words in (("logs", array), ("artifacts", array)):
        refused = client(cluster, *words)
        assert refused.status == ExitCode.USAGE and f"{array} is an array of jobs; name one" in refused.stderr


def test_only_what_failed_is_done_again(cluster: Cluster) -> None:
    failed = client(cluster, "submit", FAILS_AT_FOUR, "--array", "1-5", "--wait")
    array = failed.stdout.strip()
    assert failed.status == ExitCode.FAILED
    assert f"1 of 5 failed; the first is {array}-4: exit status 1" in failed.stderr
    shown = client(cluster, "jobs", "show", array).stdout
    assert "4 completed, 1 failed" in shown and f"{array}-4: exit status 1" in shown
    again = client(cluster, "jobs", "retry", array).stdout.strip()
    env = json.loads(client(cluster, "jobs", "show", f"{again}/4", "--json").stdout)["settings"]["env"]
    assert {name.rpartition("_")[2]: value for name, value in env.items()} == {
        "ID": again, "INDEX": "4", "FIRST": "1", "LAST": "5", "COUNT": "5",
    }  # fmt: skip


def test_no_more_are_at_work_than_may_be(session: Session) -> None:
    array = session.submit_script(code="import time; time.sleep(0.3)", array="1-12%2")
    assert over(array) == "completed"
    spans = [(row.started_ms, row.ended_ms) for row in session.jobs(array=array.id)]
    at_once = [sum(start <= moment < end for start, end in spans) for moment, _ in spans]
    assert max(at_once) == 2


def test_a_cancelled_array_ends_within_seconds_with_all_that_runs(session: Session) -> None:
    array = session.submit_script(code="import time; time.sleep(600)", array="1-300", timeout_s=0)
    wait_until(lambda: array.detail().row.members["running"] == 6, "a job on every slot")
    answer = session.why("job", array.id).answer
    assert answer.startswith(f"{array.id} runs: 0 of 300 jobs have ended; `why job {array.id}/INDEX` tells")
    began = time.monotonic()
    row = array.cancel()
    assert time.monotonic() - began < 20.0
    assert (row.state, row.members["cancelled"]) == ("cancelled", 300)
    wait_until(lambda: all(not node.running for node in session.nodes()), "free nodes")
