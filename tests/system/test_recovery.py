"""A coordinator that is killed: acknowledged runs go on, to the same bits, and clients do not notice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from client.link import Link
from roundhouse import Session, connect
from rpc.errors import DiskFull, ExitCode, StoreDown
from tests.rpc.read_only import read_only
from tests.system.cluster import LETTERS, ROOT, Cluster, Program, finish, wait_until
from tests.system.test_membership import nodes
from tests.system.test_same_bits import good

RUN = ("30", "20", "24", "0.0001", "--tolerance", "0", "--quiet", "--json")
_RESUMED_S = 5.0


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of an undisturbed run."""
    with Cluster(tmp_path_factory.mktemp("undisturbed")) as cluster:
        return str(good(cluster.train(*RUN)).json["model_sha256"])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, coordinator_arguments=("--data-dir", str(tmp_path / "data"))) as cluster:
        yield cluster


def rounds_done(cluster: Cluster) -> int:
    return max((row.round for row in cluster.overview().work), default=0)


def test_a_run_goes_on_after_every_kill_and_its_client_waits_for_it(cluster: Cluster, expected: str) -> None:
    client = cluster.client(*RUN)
    for least in (1, 6, 14, 22):
        wait_until(lambda least=least: rounds_done(cluster) >= least, f"round {least}")  # type: ignore[misc]
        cluster.restart_coordinator()
    outcome = good(finish(client))
    assert outcome.json["model_sha256"] == expected
    assert [row["round"] for row in outcome.json["rounds"]] == list(range(1, 31))


def test_what_has_ended_is_known_after_a_restart(cluster: Cluster, expected: str) -> None:
    good(cluster.train(*RUN))
    cluster.restart_coordinator()
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        (row,) = session.status().work
        run = session.run(row.id)
        assert run.wait(timeout_s=20).model_sha256 == expected
        assert len(run.model().vector) == 1058
        kinds = [event.kind for news in run for event in news.events if event.work == row.id]
    assert kinds[-1] == "completed" and kinds.count("round done") == 30


def test_what_nodes_have_done_is_counted_on_after_a_restart(cluster: Cluster) -> None:
    def done() -> dict[str, int]:
        return {row.name: row.done for row in cluster.overview().nodes}

    good(cluster.train("2", "1", "8", "0.0001", "--quiet"))
    counted = done()
    assert sum(counted.values()) == 30  # ten shards: the survey, two rounds
    assert cluster.coordinator.stop() == ExitCode.DONE
    cluster.restart_coordinator()
    wait_until(lambda: done() == counted, "the counts of before")


def test_a_run_that_had_not_begun_begins_after_the_restart(tmp_path: Path, expected: str) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with Cluster(tmp_path, nodes=0, coordinator_arguments=data) as cluster:
        client = cluster.client(*RUN)
        wait_until(lambda: bool(cluster.overview().work), "the run is submitted")
        node = cluster.new_node().serve()
        (tmp_path / "nodes.txt").write_text(f"127.0.0.1,{node.port}\n")
        cluster.nodes.append(node)
        cluster.restart_coordinator()
        assert good(finish(client)).json["model_sha256"] == expected


def test_while_the_store_is_locked_nothing_is_begun_and_then_the_run_goes_on(
    cluster: Cluster, tmp_path: Path, expected: str
) -> None:
    client = cluster.client(*RUN)
    wait_until(lambda: rounds_done(cluster) >= 3, "round 3")
    other = sqlite3.connect(tmp_path / "data" / "store.db", isolation_level=None)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        wait_until(lambda: "locked" in cluster.overview().store_fault, "the fault is told")
        (row,) = cluster.overview().work
        assert row.state == "running" and "the store:" in row.waiting_for
        other.execute("ROLLBACK")
    assert good(finish(client)).json["model_sha256"] == expected
    assert cluster.overview().store_fault == ""


def test_while_the_disk_is_read_only_nothing_is_begun_and_then_the_run_goes_on(
    cluster: Cluster, tmp_path: Path, expected: str
) -> None:
    client = cluster.client(*RUN)
    wait_until(lambda: rounds_done(cluster) >= 3, "round 3")
    with read_only(tmp_path / "data"), connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        wait_until(lambda: "ead-only file system" in cluster.overview().store_fault, "the fault is told")
        (row,) = cluster.overview().work
        assert row.state == "running" and "the store:" in row.waiting_for
        with pytest.raises(DiskFull, match="Read-only file system; make it writable"):
            session.submit(LETTERS, rounds=1, epochs=1, hidden=(8,), eta=0.0001)
    assert good(finish(client)).json["model_sha256"] == expected
    assert cluster.overview().store_fault == ""


def test_what_is_submitted_while_the_store_is_locked_hears_of_it_and_is_taken_up_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "data" / "store.db", isolation_level=None)
    with closing(other), closing(Link("127.0.0.1", cluster.coordinator.port, timeout_s=20, patience_s=0.0)) as link:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreDown, match=r"^nothing can be submitted now: .*locked"):
            Session(link).submit(LETTERS, rounds=2, epochs=1, hidden=(24,), eta=0.0001, key="once")
        other.execute("ROLLBACK")
        run = Session(link).submit(LETTERS, rounds=2, epochs=1, hidden=(24,), eta=0.0001, key="once")
        run.wait(timeout_s=20)
        assert [row.id for row in cluster.overview().work] == [run.id]


def test_a_drained_node_stays_drained_over_a_restart(cluster: Cluster, expected: str) -> None:
    drained, other = (f"127.0.0.1:{node.port}" for node in cluster.nodes)
    assert nodes(cluster, "drain", drained).status == ExitCode.DONE
    cluster.restart_coordinator()
    outcome = good(cluster.train(*RUN))
    assert outcome.json["model_sha256"] == expected
    assert set(outcome.json["tasks_by_node"]) == {other}


def test_what_nodes_declined_before_a_restart_still_counts_after_it(tmp_path: Path, expected: str) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with Cluster(tmp_path, node_arguments=("0.5", "--delay", "0"), coordinator_arguments=data) as cluster:
        client = cluster.client(*RUN)
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:

            def counted() -> tuple[int, int]:
                detail = session.run("latest").detail()
                assert detail.run is not None
                return detail.run.rejections, detail.run.bytes_sent

            wait_until(lambda: rounds_done(cluster) >= 3, "round 3")
            before = counted()
            after = rounds_done(cluster) + 1
            wait_until(lambda: rounds_done(cluster) >= after, "what was counted is committed")
            cluster.restart_coordinator()
            assert counted() >= before and before[0] > 0
        outcome = good(finish(client)).json
    assert outcome["model_sha256"] == expected
    assert outcome["rejections"] >= before[0] and outcome["bytes_sent"] >= before[1]


def test_a_killed_coordinator_serves_again_within_5_seconds(cluster: Cluster) -> None:
    good(cluster.train(*RUN))
    started = monotonic()
    cluster.restart_coordinator()
    assert monotonic() - started < _RESUMED_S


def test_a_second_coordinator_says_who_holds_the_store(cluster: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "coordinator.py", "0", "--nodes", str(tmp_path / "nodes.txt")]
    command += ["--data-dir", str(tmp_path / "other"), "--store", f"sqlite:///{tmp_path / 'data' / 'store.db'}"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert_says_who_holds_the_store(second, cluster)


def test_a_second_coordinator_on_the_same_folder_says_who_is_there(cluster: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "coordinator.py", "0", "--nodes", str(tmp_path / "nodes.txt")]
    command += ["--data-dir", str(tmp_path / "data")]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert_says_who_holds_the_store(second, cluster)


def assert_says_who_holds_the_store(second: subprocess.CompletedProcess[str], cluster: Cluster) -> None:
    assert second.returncode == 1
    held = f"the coordinator at 127.0.0.1:{cluster.coordinator.port} (process {cluster.coordinator.process.pid} on "
    assert held in second.stderr, second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_a_coordinator_that_cannot_read_what_it_knew_does_not_say_that_it_serves(tmp_path: Path) -> None:
    arguments = ("coordinator.py", "0", "--data-dir", str(tmp_path))
    Program(*arguments).serve().stop()
    with closing(sqlite3.connect(tmp_path / "store.db")) as store:
        store.execute("ALTER TABLE node RENAME TO gone")
    again = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (again.returncode, again.stdout) == (1, "")
    assert "no such table: node" in again.stderr
