"""`client.py jobs` and `artifacts`: what is shown, asked of the coordinator, and written to files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rpc.errors import ExitCode
from rpc.messages import DataFile, WorkRow
from tests.client.conftest import Ended, RunClient
from tests.client.fake import RUN_ID, Serving
from tests.client.fake_jobs import ARTIFACTS, JOB, JOB_ID, JOB_KEY, JOB_ROW, RECORDS, SCRIPT_SPEC

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(coordinator: Serving, run_client: RunClient) -> RunClient:
    def run(*words: object) -> Ended:
        return run_client(*words, "--server", coordinator.address)

    return run


def test_jobs_and_runs_are_lists_of_their_own(client: RunClient) -> None:
    head, row = client("jobs", "list").out.splitlines()
    assert head.split() == ["job", "name", "owner", "state", "submitted", "took", "about"]
    assert row.split()[:4] == [JOB_ID, "inline", "ann", "completed"] and row.split()[-2:] == ["0:01:02", "-"]
    assert [each["id"] for each in json.loads(client("runs", "list", "--json").out)] == [RUN_ID]


def test_only_jobs_in_the_wanted_states_are_listed(client: RunClient) -> None:
    assert json.loads(client("jobs", "list", "--json", "--state", "failed").out) == []


@pytest.mark.parametrize("command", ["show", "get"])
@pytest.mark.parametrize("name", [JOB_ID, JOB_KEY, "latest"])
def test_a_job_is_shown_by_any_of_its_names(client: RunClient, name: str, command: str) -> None:
    lines = client("jobs", command, name).out.splitlines()
    facts = {line[:17].strip(): line[17:].strip() for line in lines}
    assert (facts["job"], facts["state"], facts["node"], facts["sandbox"]) == (JOB_ID, "completed", "n1", "bwrap")
    assert facts["used"] == "3.2 s of processor, 64.0 MB of memory, 50.0 MB of disk, 2.00 GB of GPU memory"
    assert (facts["metric loss"], facts["metric accuracy"]) == ("0.25 at 2", "0.75 at 2")
    assert (facts["artifacts"], facts["exit status"]) == ("model.bin, plots/loss.txt", "0")
    assert (facts["setting gpus"], facts["setting env"]) == ("1", "TOKEN")
    assert [facts["last lines"], facts[""]] == list(JOB.last_lines)


def test_json_of_a_job_has_all_metrics_and_settings(client: RunClient) -> None:
    about = json.loads(client("jobs", "show", JOB_ID, "--json").out)
    assert [each["value"] for each in about["metrics"]] == [0.5, 0.25, 0.75]
    assert (about["settings"]["gpus"], about["usage"]["cpu_s"]) == (1, 3.25)
    (row,) = json.loads(client("jobs", "list", "--json").out)
    assert (row["usage"]["cpu_s"], row["usage"]["peak_disk_bytes"]) == (3.25, 50_000_000)


def test_many_jobs_are_cancelled_at_once_or_none(client: RunClient, coordinator: Serving) -> None:
    assert client("jobs", "cancel", JOB_ID, "nobody").status == ExitCode.FAILED
    assert coordinator.fake.cancelled == []
    coordinator.fake.end_together = 2  # neither answer waits for the other one's end
    ended = client("jobs", "cancel", JOB_ID, JOB_KEY)
    assert ended.out == f"{JOB_ID}: cancelled\n" * 2
    assert [work for work, _ in coordinator.fake.cancelled] == [JOB_ID] * 2


def test_a_cancel_that_takes_its_time_says_so_at_once_and_need_not_be_waited_for(coordinator: Serving) -> None:
    coordinator.fake.end_together = 2  # so one alone is not answered
    command = [sys.executable, "client.py", "jobs", "cancel", JOB_ID, "--server", coordinator.address]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stderr.readline().startswith(f"client: cancelling {JOB_ID}: a program has some seconds")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED
        assert process.stderr.read() == f"client: no longer waiting; {JOB_ID} will be cancelled all the same\n"
        assert process.stdout.read() == ""


def test_a_cancel_that_is_answered_at_once_says_no_more_than_that(client: RunClient) -> None:
    assert client("cancel", JOB_ID) == (ExitCode.DONE, f"{JOB_ID}: cancelled\n", "")


def test_jobs_are_removed_by_any_of_their_names(client: RunClient) -> None:
    assert client("jobs", "remove", JOB_KEY) == (ExitCode.DONE, f"{JOB_ID}: removed\n", "")
    assert json.loads(client("jobs", "remove", JOB_ID, "latest", "--json").out) == {"removed": [JOB_ID, JOB_ID]}
    assert client("jobs", "remove", "nobody").status == ExitCode.FAILED


@pytest.mark.parametrize("words", [("watch",), ("runs", "watch")])
def test_watch_follows_a_job_with_its_log(client: RunClient, words: tuple[str, ...]) -> None:
    ended = client(*words, JOB_ID)
    assert ended.status == ExitCode.DONE
    assert ended.out.splitlines() == [each.text for each in RECORDS if each.stream == "o"]
    assert "ERROR: but it went on" in ended.err
    assert ended.err.splitlines()[-1].startswith(f"client: {JOB_ID} completed after 62.5 s")


def test_watch_of_a_job_is_quiet_or_json_if_that_is_wanted(client: RunClient) -> None:
    quiet = client("watch", JOB_KEY, "--quiet")
    assert quiet.out == "" and len(quiet.err.splitlines()) == 1
    last = client("watch", JOB_ID, "--json").out.splitlines()[-1]
    assert json.loads(last)["state"] == "completed"
    assert "artifacts" in client("watch", JOB_ID, "--save", "x.npz").err


def test_a_retry_asks_for_the_same_under_a_key_of_its_own(client: RunClient, coordinator: Serving) -> None:
    coordinator.fake.job = replace(JOB, spec=replace(SCRIPT_SPEC, key=JOB_KEY))
    assert client("jobs", "retry", JOB_ID) == (ExitCode.DONE, f"{JOB_ID}\n", "")
    (spec,) = coordinator.fake.scripts
    assert spec.key not in ("", JOB_KEY)
    assert replace(spec, key="", owner="ann") == SCRIPT_SPEC


def test_a_run_is_no_job_and_a_job_no_run(client: RunClient) -> None:
    assert (
        client("jobs", "show", RUN_ID).err == f"client: {RUN_ID} is no script job but a run; see `client.py runs -h`\n"
    )
    assert f"{JOB_ID} is no training run but a script; see `client.py jobs -h`" in client("runs", "plot", JOB_ID).err


def test_before_the_first_job_there_is_no_latest(client: RunClient, coordinator: Serving) -> None:
    coordinator.fake.job_row = replace(JOB_ROW, kind="run")
    assert client("jobs", "show", "latest").err == "client: there is no job yet\n"


def test_why_takes_any_name_of_a_job(client: RunClient) -> None:
    assert client("why", "job", "latest").status == ExitCode.DONE


def test_the_status_of_a_job_has_no_rounds(client: RunClient, coordinator: Serving) -> None:
    row = WorkRow(JOB_ID, "script", "inline", "running", submitted_ms=1_700_000_000_000, tasks_total=1)
    coordinator.fake.nodes = replace(coordinator.fake.nodes, work=(row,))
    assert client("status").out.splitlines()[-1].split()[-3:] == ["-", "0/1", "-"]


def test_artifacts_are_listed(client: RunClient) -> None:
    assert [line.split()[:2] for line in client("artifacts", JOB_ID).out.splitlines()[1:]] == [
        ["model.bin", "7"],
        ["plots/loss.txt", "9"],
    ]


def test_all_artifacts_are_fetched_into_a_folder_that_is_made(client: RunClient, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    ended = client("artifacts", JOB_ID, "--out", out)
    assert ended.out.splitlines() == [str(out / name) for name in ARTIFACTS]
    assert {name: (out / name).read_bytes() for name in ARTIFACTS} == ARTIFACTS


def test_one_artifact_is_fetched_into_the_current_folder(
    client: RunClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert client("artifacts", JOB_ID, "--get", "model.bin").status == ExitCode.DONE
    assert [path.name for path in Path().iterdir()] == ["model.bin"]


def test_an_artifact_that_there_is_not_is_named_with_those_there_are(client: RunClient) -> None:
    ended = client("artifacts", JOB_ID, "--get", "model")
    assert ended.err == f"client: {JOB_ID} has left no 'model' in out/, but model.bin, plots/loss.txt\n"


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(client: RunClient, tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "loss.txt").write_text("mine")
    ended = client("artifacts", JOB_ID, "--out", tmp_path)
    assert ended.status == ExitCode.USAGE and "is there already; choose another --out, or --force" in ended.err
    assert not (tmp_path / "model.bin").exists()
    assert client("artifacts", JOB_ID, "--out", tmp_path, "--force").status == ExitCode.DONE
    assert (tmp_path / "plots" / "loss.txt").read_bytes() == ARTIFACTS["plots/loss.txt"]


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "..", "a\\..\\evil", "C:evil", "a//b", "", ".", "evil\n", "x\0y"]
)
@pytest.mark.parametrize("option", [(), ("--force",)])
def test_no_name_of_an_artifact_leads_out_of_the_folder(
    client: RunClient, coordinator: Serving, tmp_path: Path, name: str, option: tuple[str, ...]
) -> None:
    inside = tmp_path / "a" / "inside"
    left = (JOB.artifacts[0], DataFile(name, JOB.artifacts[0].blob, JOB.artifacts[0].size))
    coordinator.fake.job = replace(JOB, artifacts=left)
    before = sorted(tmp_path.rglob("*"))
    ended = client("artifacts", JOB_ID, "--out", inside, *option)
    assert ended.status != ExitCode.DONE and ended.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_the_folder_is_not_followed_out_of_it(client: RunClient, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "out").mkdir()
    os.symlink(elsewhere, tmp_path / "out" / "plots")
    ended = client("artifacts", JOB_ID, "--out", tmp_path / "out", "--get", "plots/loss.txt", "--force")
    assert ended.status == ExitCode.FAILED and "a link leads out of" in ended.err
    assert list(elsewhere.iterdir()) == []


def test_a_damaged_artifact_is_never_kept(client: RunClient, coordinator: Serving, tmp_path: Path) -> None:
    coordinator.fake.blobs.file(JOB.artifacts[0].blob).write_bytes(b"Weights")
    ended = client("artifacts", JOB_ID, "--out", tmp_path / "out", "--get", "model.bin")
    assert ended.err == "client: model.bin: is damaged, in the coordinator's files or on the way; fetch it again\n"
    assert list((tmp_path / "out").iterdir()) == []
