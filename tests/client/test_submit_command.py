"""`client.py submit`: what is sent, what is printed where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from rpc.errors import ExitCode, FailureKind, Refused
from rpc.kept_log import Record
from rpc.messages import LogPage, ScriptSpec
from tests.client.conftest import Ended, RunClient
from tests.client.fake import Serving
from tests.client.fake_jobs import JOB, JOB_ID, JOB_ROW, log_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle as a folder."""
    made = tmp_path / "my_job"
    made.mkdir()
    (made / "main.py").write_text("print(1)\n")
    (made / "other.py").write_text("print(2)\n")
    return made


@pytest.fixture
def submit(coordinator: Serving, run_client: RunClient) -> RunClient:
    def run(*words: object) -> Ended:
        return run_client("submit", *words, "--server", coordinator.address)

    return run


def sent(coordinator: Serving) -> tuple[ScriptSpec, dict[str, bytes]]:
    """The last job that was submitted, and the files of its bundle."""
    spec = coordinator.fake.scripts[-1]
    with zipfile.ZipFile(BytesIO(coordinator.fake.blobs.read(spec.bundle.blob))) as archive:
        return spec, {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("words", [["print(1)"], ["-c", "print(1)"]])
def test_code_is_a_job_of_a_minute_whose_id_is_printed(
    submit: RunClient, coordinator: Serving, words: list[str]
) -> None:
    assert submit(*words) == (ExitCode.DONE, f"{JOB_ID}\n", "")
    spec, files = sent(coordinator)
    assert (spec.name, spec.main, spec.timeout_s, spec.inline_code) == ("inline", "main.py", 60.0, True)
    assert files == {"main.py": b"print(1)\n"}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_folder_and_its_zip_are_jobs_without_a_timeout(
    submit: RunClient, coordinator: Serving, folder: Path, kind: str
) -> None:
    if kind == "zip":
        path = folder.parent / "my_job.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
    else:
        path = folder
    assert submit(path, "--main", "other.py").status == ExitCode.DONE
    spec, files = sent(coordinator)
    assert (spec.name, spec.main, spec.timeout_s, spec.inline_code) == ("my_job", "other.py", 0.0, False)
    assert files == {"main.py": b"print(1)\n", "other.py": b"print(2)\n"}


def test_every_setting_arrives(submit: RunClient, coordinator: Serving, folder: Path) -> None:
    (folder / "needs.txt").write_text("numpy\n")
    words = "--name n --arg a --arg=-b --env K=V --env E= --requirements needs.txt --timeout 5 --memory 2GB --cpus 1.5"
    words += " --gpus 1 --pids 9 --disk 1MiB --network full --sandbox docker --image x:1 --select os=linux"
    words += " --priority 3 --owner bob --key k --retries 0 --force-queue --after job-1 --after nightly:any"
    assert submit(folder, *words.split()).status == ExitCode.DONE
    spec, _ = sent(coordinator)
    assert spec == ScriptSpec(
        name="n", bundle=spec.bundle, arguments=("a", "-b"), env={"K": "V", "E": ""}, requirements="needs.txt",
        timeout_s=5.0, memory_bytes=2 * 10**9, cpus=1.5, gpus=1, pids=9, disk_bytes=1 << 20, network="full",
        sandbox="docker", image="x:1", select={"os": "linux"}, priority=3, owner="bob", key="k", retries=0,
        force_queue=True,
        after=("job-1", "nightly:any"),
    )  # fmt: skip


def test_code_takes_its_requirements_from_a_file(submit: RunClient, coordinator: Serving, tmp_path: Path) -> None:
    (tmp_path / "any.txt").write_text("numpy\n")
    assert submit("-c", "import numpy", "--requirements", tmp_path / "any.txt").status == ExitCode.DONE
    spec, files = sent(coordinator)
    assert (spec.requirements, files["requirements.txt"]) == ("requirements.txt", b"numpy\n")


def test_data_sets_are_folders_zips_and_blobs(submit: RunClient, coordinator: Serving, folder: Path) -> None:
    packed = folder.parent / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rows.csv", "1,2\n")
    words = [f"--dataset=one={folder}", f"--dataset=two={packed}", f"--dataset=three={JOB.artifacts[0].blob}"]
    assert submit("-c", "1", *words).status == ExitCode.DONE
    one, two, three = sent(coordinator)[0].datasets
    assert [each.file for each in (one, two, three)] == ["one", "two", "three"]
    assert coordinator.fake.blobs.read(two.blob) == packed.read_bytes()
    assert (three.blob, three.size) == (JOB.artifacts[0].blob, JOB.artifacts[0].size)


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ([], ExitCode.USAGE, "takes a folder, a ZIP, or code: give one of them"),
        (["print(1)", "-c", "1"], ExitCode.USAGE, "takes a folder, a ZIP, or code: give one of them"),
        ([""], ExitCode.USAGE, "takes a folder, a ZIP, or code, and this is nothing"),
        (["-c", "1", "--arg", "\udcff"], ExitCode.USAGE, "arguments and env must be UTF-8"),
        (["no_such_folder"], ExitCode.USAGE, "no_such_folder: there is no such folder or ZIP"),
        (["a/job.zip"], ExitCode.USAGE, "a/job.zip: there is no such folder or ZIP"),
        (["my_job/main.py"], ExitCode.USAGE, "main.py: is no ZIP; submit its folder, as in `client.py submit my_job"),
        (["my_job", "--main", "no.py"], ExitCode.FAILED, "the bundle has no 'no.py'"),
        (["my_job", "--requirements", "no.txt"], ExitCode.FAILED, "the bundle has no 'no.txt'; add it"),
        (["-c", "1", "--main", "x.py"], ExitCode.USAGE, "main is of a bundle"),
        (["-c", "1", "--requirements", "no.txt"], ExitCode.USAGE, "no.txt: cannot be read"),
        (["-c", "1", "--dataset", "d=nowhere"], ExitCode.USAGE, "data set d: nowhere is no folder"),
        (["-c", "1", "--dataset", "../d=my_job"], ExitCode.USAGE, "dataset '../d' needs a name of"),
        (["-c", "1", "--env", "X"], ExitCode.USAGE, "must be name=value"),
        (["-c", "1", "--cpus", "0"], ExitCode.USAGE, "must be processors, above 0"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_sent(
    submit: RunClient, coordinator: Serving, folder: Path, monkeypatch: pytest.MonkeyPatch,
    words: list[str], status: ExitCode, reason: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder.parent)
    ended = submit(*words)
    assert (ended.status, ended.out, ended.err.count("\n")) == (status, "", 1)
    assert reason in ended.err
    assert coordinator.fake.scripts == [] and coordinator.fake.parts == []


@pytest.mark.parametrize("name", ["out", "data", "data/d"])
def test_a_file_where_the_job_gets_a_folder_is_refused_before_anything_is_sent(
    submit: RunClient, coordinator: Serving, folder: Path, name: str
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("no folder")
    ended = submit(folder, "--dataset", f"d={folder}")
    assert (ended.status, coordinator.fake.parts) == (ExitCode.FAILED, [])
    assert f"'{name}' in the bundle is a file, and must be a folder of the job; rename it" in ended.err


def test_a_blob_that_nobody_holds_is_no_data_set(submit: RunClient, coordinator: Serving) -> None:
    ended = submit("-c", "1", "--dataset", f"d=sha256:{'0' * 64}")
    assert ended.status == ExitCode.FAILED and "is not here" in ended.err
    assert coordinator.fake.scripts == []


def test_follow_tells_stdout_and_stderr_apart(submit: RunClient) -> None:
    ended = submit("print(1)", "--follow")
    assert (ended.status, ended.out) == (ExitCode.DONE, 'epoch 1\tdone\nPROGRESS: {"loss": 0.5}\n')
    assert ended.err.splitlines() == [
        f"client: {JOB_ID} is submitted",
        "roundhouse: starts on n1",
        "WARNING: slow",
        "ERROR: but it went on",
        f"client: {JOB_ID} completed after 62.5 s; `client.py artifacts {JOB_ID}` tells of 2 files in out/",
    ]


def test_nothing_that_a_job_prints_commands_the_terminal(submit: RunClient, coordinator: Serving) -> None:
    hostile = "\x1b[2J\x1b]0;title\x07\u202eclient: done"
    coordinator.fake.log = log_of(*(Record(1, stream, "i", hostile) for stream in "oes"))
    ended = submit("print(1)", "--follow")
    assert all(line.isprintable() for line in (ended.out + ended.err).split("\n"))
    assert (ended.out.count("\n"), ended.err.count("\n")) == (1, 4)


def test_json_of_what_is_followed_is_an_object_a_line(submit: RunClient) -> None:
    ended = submit("print(1)", "--follow", "--json")
    *lines, last = [json.loads(line) for line in ended.out.splitlines()]
    assert [line["stream"] for line in lines] == ["roundhouse", "stdout", "stderr", "stdout", "stderr"]
    assert (last["state"], last["metrics"][1]["value"], last["artifacts"][0]["size_bytes"]) == ("completed", 0.25, 7)


def test_wait_prints_the_id_and_how_it_ended(submit: RunClient) -> None:
    ended = submit("print(1)", "--wait")
    assert (ended.status, ended.out) == (ExitCode.DONE, f"{JOB_ID}\n")
    assert ended.err.startswith(f"client: {JOB_ID} completed after 62.5 s")


@pytest.mark.parametrize(("state", "said"), [("failed", "failed (user_error)"), ("cancelled", "was cancelled")])
def test_wait_ends_with_1_and_the_last_lines_whatever_the_status_of_the_program(
    submit: RunClient, coordinator: Serving, state: str, said: str
) -> None:
    fake = coordinator.fake
    fake.job_row = replace(JOB_ROW, state=state, reason="it ended with status 7", failure=FailureKind.USER_ERROR)
    fake.job = replace(JOB, status=7)
    ended = submit("print(1)", "--wait")
    assert (ended.status, ended.out) == (ExitCode.FAILED, f"{JOB_ID}\n")
    assert ended.err.splitlines() == [*JOB.last_lines, f"client: {JOB_ID} {said}: it ended with status 7"]


def test_what_no_node_can_run_is_refused(submit: RunClient, coordinator: Serving) -> None:
    coordinator.fake.refusal = Refused("no node has a GPU")
    assert submit("print(1)", "--gpus", "1", "--wait") == (ExitCode.REFUSED, "", "client: no node has a GPU\n")


def test_a_key_of_a_job_with_other_settings_is_told(submit: RunClient) -> None:
    ended = submit("print(1)", "--key", "friday")
    assert ended.out == f"{JOB_ID}\n"
    assert ended.err == f"client: key friday is of {JOB_ID}, submitted before with other settings\n"


@pytest.mark.parametrize("option", ["--follow", "--wait"])
def test_an_interrupt_leaves_the_job_alive_and_says_how_to_end_it(coordinator: Serving, option: str) -> None:
    coordinator.fake.log_is_whole = False
    coordinator.fake.job_row = replace(JOB_ROW, state="running", ended_ms=0)
    command = [sys.executable, str(ROOT / "client.py"), "submit", "print(1)", option, "--server", coordinator.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if option == "--follow":
            for _ in range(2):
                coordinator.fake.log_asked.get(timeout=30)
        else:
            for _ in range(2):
                coordinator.fake.watched.get(timeout=30)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert err.splitlines()[-1] == f"client: {JOB_ID} goes on; `client.py jobs cancel {JOB_ID}` ends it"
    assert coordinator.fake.cancelled == []


def test_what_a_job_waits_for_is_told_once(submit: RunClient, coordinator: Serving) -> None:
    fake = coordinator.fake
    fake.job_row = replace(JOB_ROW, waiting_for="a node with a GPU")
    fake.pages = [LogPage(), LogPage()]
    assert submit("print(1)", "--follow").err.count("is waiting for a node with a GPU") == 1
