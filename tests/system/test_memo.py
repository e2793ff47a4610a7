"""What the coordinator knows is not computed again, and has the same bits."""

from __future__ import annotations

from pathlib import Path

from tests.system.cluster import Cluster
from tests.system.test_same_bits import good

RUN = ("3", "50", "12", "0.0001", "--json")
MEMO = ("--memo-size", "1GB")
TASKS = 40  # 10 surveys, 3 rounds of 10 shards


def test_a_run_that_is_submitted_again_is_done_without_any_task_sent(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=2, coordinator_arguments=MEMO) as cluster:
        first, again = (good(cluster.train(*RUN)).json for _ in range(2))
        done = sum(node.done for node in cluster.overview().nodes)
        timing = tmp_path / "timing.txt"
        good(cluster.train(*RUN, "--timing", str(timing)))
    assert "memo" not in first["tasks_by_node"]
    assert again["tasks_by_node"] == {"memo": TASKS}
    assert again["bytes_sent"] == 0
    assert done == TASKS, "of the first run alone"
    assert again["model_sha256"] == first["model_sha256"]
    for one, other in zip(first["rounds"], again["rounds"], strict=True):
        assert one["validation_error"] == other["validation_error"]
        assert one["epochs_run"] == other["epochs_run"]
    assert f"known from earlier runs (memo): {TASKS} tasks" in timing.read_text()


def test_a_longer_run_goes_on_where_a_shorter_one_ended(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1, coordinator_arguments=MEMO) as cluster:
        good(cluster.train(*RUN))
        longer = good(cluster.train("4", *RUN[1:])).json
    with Cluster(tmp_path, nodes=1) as cluster:
        good(cluster.train(*RUN))
        expected = good(cluster.train("4", *RUN[1:])).json
    assert longer["tasks_by_node"]["memo"] == TASKS
    assert "memo" not in expected["tasks_by_node"]
    assert longer["model_sha256"] == expected["model_sha256"]


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1, coordinator_arguments=MEMO) as cluster:
        good(cluster.train(*RUN))
        other = good(cluster.train(*RUN, "--seed", "2")).json
    assert other["tasks_by_node"]["memo"] == 10, "the surveys"
