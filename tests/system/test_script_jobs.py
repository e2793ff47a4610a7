"""Script jobs from the command line to a sandbox and back: real programs, in bubblewrap."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.jobs import job_of
from roundhouse import Session, connect
from rpc.errors import ExitCode, FailureKind
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import ROOT, Cluster, Outcome, Program, finish, wait_until

WAITS_FOR_THE_END = """
import pathlib, signal, sys

def leave(number, frame):
    pathlib.Path("out/state.txt").write_text("saved")
    print("saved what there was", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need("bwrap")
    with Cluster(tmp_path_factory.mktemp("jobs"), nodes=1) as cluster:
        yield cluster


@pytest.fixture
def session(cluster: Cluster) -> Iterator[Session]:
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        yield session


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A program with a module and a file of its own, which tells of itself and leaves files."""
    folder = tmp_path / "my_job"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "rows.txt").write_text("3\n4\n")
    (folder / "adding.py").write_text("def add(rows):\n    return sum(map(int, rows))\n")
    (folder / "main.py").write_text(
        "import json, os, pathlib, sys\n"
        "from adding import add\n"
        "total = add(open('data/rows.txt'))\n"
        "for step in (1, 2):\n"
        "    print('PROGRESS: ' + json.dumps({'step': step, 'loss': total / step}), flush=True)\n"
        "pathlib.Path('out/deep').mkdir()\n"
        "pathlib.Path('out/result.json').write_text(json.dumps({'total': total}))\n"
        "pathlib.Path('out/deep/total.txt').write_text(f'{total} {sys.argv[1]} {os.environ[\"UNIT\"]}')\n"
    )
    return folder


def start(cluster: Cluster, *words: object) -> subprocess.Popen[str]:
    server = ("--server", f"127.0.0.1:{cluster.coordinator.port}")
    command = [sys.executable, "client.py", *map(str, words), *server]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def client(cluster: Cluster, *words: object) -> Outcome:
    return finish(start(cluster, *words))


def test_follow_tells_the_streams_of_inline_code_apart(cluster: Cluster) -> None:
    code = "import sys; print('one'); print('two', file=sys.stderr)"
    outcome = client(cluster, "submit", code, "--follow")
    assert (outcome.status, outcome.stdout) == (ExitCode.DONE, "one\n"), outcome.stderr
    assert "two" in outcome.stderr.splitlines()


def test_a_bundle_runs_tells_numbers_and_leaves_files(cluster: Cluster, bundle: Path, tmp_path: Path) -> None:
    outcome = client(cluster, "submit", bundle, "--arg", "kg", "--env", "UNIT=of wheat", "--wait")
    assert outcome.status == ExitCode.DONE, outcome.stderr
    job = outcome.stdout.strip()
    shown = client(cluster, "jobs", "show", job, "--json").json
    assert [(each["name"], each["value"]) for each in shown["metrics"] if each["name"] == "loss"] == [
        ("loss", 7.0),
        ("loss", 3.5),
    ]
    assert (shown["state"], shown["sandbox"], shown["name"]) == ("completed", "bwrap", "my_job")
    fetched = client(cluster, "artifacts", job, "--out", tmp_path / "results")
    names = [str(tmp_path / "results" / name) for name in ("deep/total.txt", "result.json")]
    assert fetched.stdout.splitlines() == names, fetched.stderr
    (listed,) = [row for row in json.loads(client(cluster, "jobs", "list", "--json").stdout) if row["id"] == job]
    assert shown["result"] == listed["result"] == {"total": 7}
    assert (tmp_path / "results" / "deep" / "total.txt").read_text() == "7 kg of wheat"


def test_a_data_set_is_where_the_program_looks_for_it(session: Session, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("1,2\n")
    job = session.submit_script(code="print(open('data/mine/a.csv').read())", datasets={"mine": tmp_path / "rows"})
    job.wait(60)
    assert next(record.text for record in job.logs() if record.stream == "o") == "1,2"
    (held,) = job.spec().datasets
    again = session.submit_script(code="print(open('data/x/a.csv').read())", datasets={"x": held.blob})
    assert again.wait(60).id != job.id


def test_a_program_that_fails_ends_the_client_with_1_and_its_last_lines(cluster: Cluster) -> None:
    outcome = client(cluster, "submit", "print('so far'); raise SystemExit(7)", "--wait")
    assert outcome.status == ExitCode.FAILED
    assert "so far" in outcome.stderr.splitlines()
    assert outcome.stderr.splitlines()[-1].endswith("failed (user_error): exit status 7")
    shown = client(cluster, "jobs", "show", outcome.stdout.strip(), "--json").json
    assert (shown["state"], shown["status"]) == ("failed", 7)


def test_a_job_that_takes_too_long_has_timed_out(cluster: Cluster) -> None:
    outcome = client(cluster, "submit", "import time; time.sleep(60)", "--timeout", "0.5", "--wait")
    assert (outcome.status, "failed (timeout)" in outcome.stderr) == (ExitCode.FAILED, True), outcome.stderr


def test_a_cancelled_program_may_leave_something_within_its_grace(
    cluster: Cluster, session: Session, tmp_path: Path
) -> None:
    follower = start(cluster, "submit", "-c", WAITS_FOR_THE_END, "--follow")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "ready\n"
    job = session.job("latest")
    cancelled = client(cluster, "jobs", "cancel", job.id)
    assert cancelled.stdout == f"{job.id}: cancelled\n", cancelled.stderr
    outcome = finish(follower)
    assert outcome.status == ExitCode.FAILED and f"{job.id} was cancelled" in outcome.stderr
    assert outcome.stdout == "saved what there was\n"
    (file,) = job.fetch(tmp_path)
    assert file.read_text() == "saved"


def test_an_interrupted_client_leaves_its_job_at_work(cluster: Cluster, session: Session) -> None:
    follower = start(cluster, "submit", "-c", WAITS_FOR_THE_END, "--follow")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "ready\n"
    follower.send_signal(signal.SIGINT)
    outcome = finish(follower)
    job = session.job("latest")
    assert outcome.status == ExitCode.INTERRUPTED
    assert outcome.stderr.splitlines()[-1] == f"client: {job.id} goes on; `client.py jobs cancel {job.id}` ends it"
    assert job.detail().row.state == "running"
    job.cancel()
    wait_until(lambda: job.detail().row.state == "cancelled", "the end of the job")


def test_whoever_reads_no_further_is_told_that_the_job_goes_on(cluster: Cluster, session: Session) -> None:
    code = "import time; print('ready', flush=True); time.sleep(2); print('more', flush=True); time.sleep(600)"
    with start(cluster, "submit", "-c", code, "--timeout", 0, "--follow") as follower:
        assert follower.stdout is not None and follower.stderr is not None
        assert follower.stdout.readline() == "ready\n"
        follower.stdout.close()
        told = follower.stderr.read()
        assert follower.wait(timeout=30) == ExitCode.FAILED
    job = session.jobs(limit=1)[0]
    assert f"{job.id} goes on; `client.py jobs cancel {job.id}` ends it" in told
    assert session.job(job.id).cancel().state in ("running", "cancelled")


def test_a_key_is_of_one_job(cluster: Cluster) -> None:
    first = client(cluster, "submit", "print(1)", "--key", "monday", "--wait")
    again = client(cluster, "submit", "print(1)", "--key", "monday", "--follow")
    assert (again.status, again.stdout) == (ExitCode.DONE, "1\n"), again.stderr
    assert f"client: {first.stdout.strip()} is submitted" in again.stderr
    assert "other settings" not in again.stderr
    other = client(cluster, "submit", "print(2)", "--key", "monday")
    assert other.stdout == first.stdout and "with other settings" in other.stderr


def test_jobs_come_after_others_and_are_given_up_with_them(cluster: Cluster, session: Session) -> None:
    first = client(cluster, "submit", "open('/dev/stdin').read(); raise SystemExit(3)", "--key", "stage-1")
    given_up = client(cluster, "submit", "print(2)", "--after", "stage-1", "--wait")
    assert given_up.status == ExitCode.FAILED
    assert f"{first.stdout.strip()}, which it comes after, failed" in given_up.stderr
    after_any_end = client(cluster, "submit", "print(3)", "--after", f"{first.stdout.strip()}:any", "--follow")
    assert (after_any_end.status, after_any_end.stdout) == (ExitCode.DONE, "3\n"), after_any_end.stderr
    unknown = client(cluster, "submit", "print(4)", "--after", "stage-2")
    assert unknown.status == ExitCode.FAILED
    assert "do you mean stage-1?" in unknown.stderr and len(unknown.stderr.splitlines()) == 1
    rows = [session.job(each).detail().row for each in (first.stdout.strip(), given_up.stdout.strip())]
    assert [row.failure for row in rows] == [FailureKind.USER_ERROR, FailureKind.DEPENDENCY]


def test_a_retry_is_another_job_that_does_the_same(cluster: Cluster, session: Session) -> None:
    first = client(cluster, "submit", "print('again')", "--wait").stdout.strip()
    second = session.job(client(cluster, "jobs", "retry", first).stdout.strip())
    second.wait(60)
    assert second.id != first and [record.text for record in second.logs() if record.stream == "o"] == ["again"]
    listed = json.loads(client(cluster, "jobs", "list", "--json", "--limit", "2").stdout)
    assert [row["id"] for row in listed] == [second.id, first]
    assert second.id not in {row.id for row in session.runs()}


def test_a_job_is_found_by_what_is_of_both_kinds_and_told_apart_from_a_run(cluster: Cluster) -> None:
    job = client(cluster, "submit", "import time; time.sleep(60)").stdout.strip()
    assert "the job's only one" in client(cluster, "why", "task", f"{job}/0/0").stdout
    assert client(cluster, "cancel", "latest").stdout == f"{job}: cancelled\n"
    shown = client(cluster, "runs", "show", job)
    assert shown.status == ExitCode.USAGE and f"{job} is no training run" in shown.stderr
    assert f"{job}/0/0 is over" in client(cluster, "why", "task", f"{job}/0/0").stdout
    assert "a job, which has one" in client(cluster, "why", "task", f"{job}/1/0").stderr


def test_a_job_that_no_node_can_run_is_refused(cluster: Cluster) -> None:
    outcome = client(cluster, "submit", "print(1)", "--gpus", "64", "--wait")
    assert (outcome.status, outcome.stdout) == (ExitCode.REFUSED, ""), outcome.stderr


def test_the_log_outlives_node_and_coordinator(tmp_path: Path) -> None:
    need("bwrap")
    arguments = ("--data-dir", str(tmp_path / "data"))
    with Cluster(tmp_path, nodes=1, node_arguments=("--delay", "3"), coordinator_arguments=arguments) as cluster:
        code = "import pathlib; [print(n) for n in range(2000)]; pathlib.Path('out/x').write_text('kept')"
        job = client(cluster, "submit", code, "--wait").stdout.strip()
        before = client(cluster, "logs", job, "--json").stdout
        assert len(json.loads(before)["records"]) >= 2000
        cluster.nodes[0].kill()
        cluster.restart_coordinator()
        assert client(cluster, "logs", job, "--json").stdout == before
        assert client(cluster, "artifacts", job, "--get", "x", "--out", tmp_path / "out").status == ExitCode.DONE
        assert (tmp_path / "out" / "x").read_text() == "kept"


def test_a_job_that_every_node_declines_is_pending_and_goes_to_the_node_that_comes(tmp_path: Path) -> None:
    need("bwrap")
    with Cluster(tmp_path, nodes=1, node_arguments=("--accept", "ask")) as cluster:  # with no terminal to ask on
        job = client(cluster, "submit", "print('ran')").stdout.strip()

        def why() -> str:
            return client(cluster, "why", "job", job).stdout

        wait_until(lambda: "they are asked again in" in why(), "the node's no")
        assert "is pending: it waits for a compute node that accepts: all 1 decline" in why()
        assert "(operator): this node asks its operator" in why()
        (row,) = json.loads(client(cluster, "jobs", "list", "--state", "pending", "--json").stdout)
        assert (row["id"], row["started_ms"]) == (job, 0)
        joined = f"127.0.0.1:{cluster.coordinator.port}"
        other = Program("compute_node.py", "--join", joined)
        try:
            assert client(cluster, "watch", job).status == ExitCode.DONE
        finally:
            other.stop()


def test_a_restart_of_the_coordinator_does_not_disturb_a_running_job(tmp_path: Path) -> None:
    need("bwrap")
    with Cluster(tmp_path, nodes=1, coordinator_arguments=("--data-dir", str(tmp_path / "data"))) as cluster:
        code = "import pathlib, time\nprint('ready', flush=True)\ntime.sleep(4)\nprint('done')"
        follower = start(cluster, "submit", "-c", code, "--follow")
        assert follower.stdout is not None
        assert follower.stdout.readline() == "ready\n"
        cluster.restart_coordinator()
        outcome = finish(follower)
        assert (outcome.status, outcome.stdout) == (ExitCode.DONE, "done\n"), outcome.stderr
        assert client(cluster, "jobs", "show", "latest", "--json").json["attempts"] == 1


def test_a_time_limit_goes_on_over_restarts_of_the_coordinator(tmp_path: Path) -> None:
    need("bwrap")
    with Cluster(tmp_path, nodes=1, coordinator_arguments=("--data-dir", str(tmp_path / "data"))) as cluster:
        code = "import time\nprint('ready', flush=True)\ntime.sleep(600)"
        follower = start(cluster, "submit", "-c", code, "--timeout", "6", "--follow")
        assert follower.stdout is not None
        assert follower.stdout.readline() == "ready\n"
        for _ in range(2):
            cluster.restart_coordinator()
        outcome = finish(follower, 30.0)
        assert (outcome.status, "failed (timeout)" in outcome.stderr) == (ExitCode.FAILED, True), outcome.stderr
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            job = session.job("latest")
            (ready,) = (record for record in job.logs() if record.stream == "o")
            last = [*job.logs()][-1]
        assert last.stream == "s" and 5_000 < last.at_ms - ready.at_ms < 9_000, last  # counted from the start, once


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_told_to_end_hands_its_job_over_without_a_lease(tmp_path: Path, number: signal.Signals) -> None:
    need("bwrap")
    with Cluster(tmp_path, nodes=2, node_arguments=("--drain-grace", "0.2")) as cluster:
        code = "import pathlib, time\nprint('ready', flush=True)\ntime.sleep(4)\nprint('done')"
        follower = start(cluster, "submit", "-c", code, "--follow")
        assert follower.stdout is not None
        assert follower.stdout.readline() == "ready\n"
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            here = job_of(session.job("latest").detail()).node
        next(node for node in cluster.nodes if here.endswith(f":{node.port}")).signal(number)
        outcome = finish(follower, 30.0)  # the lease would be 60 s
        assert (outcome.status, outcome.stdout) == (ExitCode.DONE, "ready\ndone\n"), outcome.stderr
        assert client(cluster, "jobs", "show", "latest", "--json").json["attempts"] == 2


def test_what_a_node_declines_is_no_attempt(tmp_path: Path) -> None:
    need("bwrap")
    with Cluster(tmp_path, nodes=1, node_arguments=("--accept", "ask")) as cluster:  # and it has no terminal
        job = client(cluster, "submit", "print(1)").stdout.strip()

        def is_declined() -> bool:
            return "has no terminal" in client(cluster, "why", "task", f"{job}/0/0").stdout

        wait_until(is_declined, "the rejection")
        assert client(cluster, "jobs", "show", job, "--json").json["attempts"] == 0


def test_what_is_kept_of_a_removed_job_is_gone_from_the_disk(tmp_path: Path) -> None:
    need("bwrap")
    data, node = tmp_path / "data", tmp_path / "node"
    arguments = ("--data-dir", str(data))
    with Cluster(
        tmp_path, nodes=1, node_arguments=("--data-dir", str(node)), coordinator_arguments=arguments
    ) as cluster:
        job = client(cluster, "submit", "print('said'); open('out/x', 'w').write('left')", "--wait").stdout.strip()
        assert [*data.rglob(job)], "the log has a folder of its own"
        wait_until(lambda: not [*(node / "job-artifacts").iterdir()], "the node has let go of what the coordinator has")
        assert client(cluster, "jobs", "remove", job).stdout == f"{job}: removed\n"
        wait_until(lambda: not [*data.rglob(job)], "the log is removed")
        for words in (("logs", job), ("jobs", "show", job), ("artifacts", job)):
            assert client(cluster, *words).status == ExitCode.FAILED
