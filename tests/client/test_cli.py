"""The client as its users see it: what it prints where, what it leaves, how it ends."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from client.models import Model
from rpc.errors import BadRequest, FailureKind
from rpc.messages import PROTOCOL_VERSION, News, RoundRow
from tests.client.conftest import RunClient
from tests.client.fake import COMPLETED, RUN_ID, SHA256, WEIGHTS, Serving

CHECKOUT = Path(__file__).parents[2]
RESULT = f"final validation error: 0.3815\nmodel sha256: {SHA256}\n"


def test_the_seven_arguments_train_and_print_the_result(
    coordinator: Serving, data: Path, run_client: RunClient
) -> None:
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5)
    assert (ended.status, ended.out) == (0, RESULT)
    assert ended.err.splitlines() == [
        "round 1 of 2: validation error 0.1000",
        "round 2 of 2: validation error 0.2000",
    ]
    spec = coordinator.fake.specs[0]
    assert (spec.name, spec.rounds, spec.epochs, spec.hidden, spec.eta) == ("data", 2, 3, (4,), 0.5)
    assert [file.file for file in spec.shards] == ["train_toy1.txt", "train_toy2.txt"]
    assert spec.validation.file == "validate_toy.txt"


@pytest.mark.skipif(sys.platform != "linux", reason="only there a file's name may be any bytes")
def test_a_file_whose_name_is_not_utf_8_is_named(coordinator: Serving, data: Path, run_client: RunClient) -> None:
    for name in ("train_toy1.txt", "train_toy2.txt", "validate_toy.txt"):
        (data / name).rename(data / os.fsdecode(name.encode().replace(b"toy", b"t\xffy")))
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == f"client: {data}/train_t\\udcffy1.txt: the file's name is not UTF-8; rename it\n"
    assert not coordinator.fake.parts


@pytest.mark.skipif(sys.platform != "linux", reason="only there a folder's name may be any bytes")
def test_a_folder_whose_name_is_not_utf_8_will_do(coordinator: Serving, data: Path, run_client: RunClient) -> None:
    folder = data.rename(data.parent / os.fsdecode(b"d\xffta"))
    assert run_client("127.0.0.1", coordinator.port, folder, 2, 3, 4, 0.5).status == 0
    assert coordinator.fake.specs[0].name == "d?ta"


def test_quiet_drops_the_progress_and_keeps_the_result(coordinator: Serving, data: Path, run_client: RunClient) -> None:
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5, "--quiet")
    assert ended == (0, RESULT, "")


def test_json_is_one_object_with_history_settings_and_timing(
    coordinator: Serving, data: Path, run_client: RunClient
) -> None:
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5, "--json", "--quiet")
    about = json.loads(ended.out)
    assert ended.status == 0
    assert about["final_validation_error"] == 0.38154
    assert about["model_sha256"] == SHA256
    assert [each["validation_error"] for each in about["rounds"]] == [0.5, 0.38154]
    assert about["tasks_by_node"] == {"127.0.0.1:9091": 3, "127.0.0.1:9092": 1}
    assert (about["rejections"], about["retries"], about["bytes_sent"]) == (5, 1, 1234)
    assert about["settings"]["epochs"] == 3
    assert about["timing"]["run_s"] == 2.5
    assert about["timing"]["compute_s"] == 3.5


def test_save_and_timing_replace_their_files(
    coordinator: Serving, data: Path, run_client: RunClient, tmp_path: Path
) -> None:
    model, timing = tmp_path / "model.safetensors", tmp_path / "timing.txt"
    model.write_text("old")
    timing.write_text("old")
    options = ("--save", model, "--timing", timing)
    assert run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5, *options).status == 0
    assert (Model.load(model).vector == WEIGHTS).all()
    assert "node 127.0.0.1:9091: 3 tasks" in timing.read_text()


def test_a_failed_run_is_one_line_and_status_1(coordinator: Serving, data: Path, run_client: RunClient) -> None:
    reason = "train_toy2.txt:2: 4 columns where line 1 has 3; make all rows equally long"
    failed = replace(COMPLETED, state="failed", reason=reason, failure=FailureKind.USER_ERROR)
    coordinator.fake.story, coordinator.fake.row = [News(failed, last=1)], failed
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5)
    assert ended == (1, "", f"client: {reason}\n")


def test_json_tells_of_a_failed_run_too(coordinator: Serving, data: Path, run_client: RunClient) -> None:
    failed = replace(COMPLETED, state="failed", reason="no node came", failure=FailureKind.NO_CAPACITY)
    coordinator.fake.story, coordinator.fake.row = [News(failed, last=1)], failed
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5, "--json", "--quiet")
    assert (ended.status, ended.err) == (1, "client: no node came\n")
    assert json.loads(ended.out)["state"] == "failed"


KEYED = ("2", "3", "4", "0.5", "--quiet", "--key", "monday")


@pytest.mark.parametrize("rounds", [2, 9])
def test_a_key_that_is_of_a_run_with_other_settings_is_told(
    coordinator: Serving, data: Path, run_client: RunClient, rounds: int
) -> None:
    assert run_client("127.0.0.1", coordinator.port, data, *KEYED).status == 0
    (first,) = coordinator.fake.specs
    coordinator.fake.spec = replace(first, rounds=rounds)
    ended = run_client("127.0.0.1", coordinator.port, data, *KEYED, "--priority", "3")
    told = f"client: key monday is of {RUN_ID}, submitted before with other settings\n"
    assert (ended.status, ended.err) == (0, "" if rounds == 2 else told)


def test_what_the_coordinator_refuses_is_a_usage_error(coordinator: Serving, data: Path, run_client: RunClient) -> None:
    coordinator.fake.refusal = BadRequest("k must be 5 or more: train_toy1.txt has label 4")
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5)
    assert ended == (2, "", "client: k must be 5 or more: train_toy1.txt has label 4\n")


def test_nobody_listening_is_one_line_that_says_how_to_start(data: Path, run_client: RunClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        ended = run_client("127.0.0.1", port, data, 2, 3, 4, 0.5)
    assert ended.status == 3
    assert ended.err == (
        f"client: nobody serves at 127.0.0.1:{port}; start the coordinator there with "
        f"`python coordinator.py {port} load-balancing`\n"
    )


def test_a_host_that_is_none_is_told_from_one_where_nobody_serves(data: Path, run_client: RunClient) -> None:
    ended = run_client("no.such.host.invalid", 9095, data, 2, 3, 4, 0.5)
    assert ended.status == 3
    assert "no.such.host.invalid:9095 is not reachable: " in ended.err
    assert ended.err.endswith("; check host and port\n")


def test_the_loss_of_a_diverging_run_is_still_json(coordinator: Serving, data: Path, run_client: RunClient) -> None:
    rounds = (RoundRow(round=1, validation_error=0.9, validation_loss=math.inf, train_loss=math.nan),)
    coordinator.fake.detail = replace(coordinator.fake.detail, rounds=rounds)
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5, "--json", "--quiet")
    about = json.loads(ended.out, parse_constant=pytest.fail)
    assert (about["rounds"][0]["validation_loss"], about["rounds"][0]["train_loss"]) == (None, None)


def test_another_protocol_version_is_refused_with_both_numbers(
    coordinator: Serving, data: Path, run_client: RunClient
) -> None:
    coordinator.fake.protocol = PROTOCOL_VERSION + 1
    ended = run_client("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5)
    assert ended.status == 4
    assert f"protocol {PROTOCOL_VERSION + 1}, this side {PROTOCOL_VERSION}" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("missing", ["nowhere", "data/train_toy1.txt"])
def test_a_folder_that_is_none_is_named(data: Path, run_client: RunClient, missing: str) -> None:
    path = data.parent / missing
    ended = run_client("127.0.0.1", 1, path, 2, 3, 4, 0.5)
    assert ended.status == 1
    assert ended.err.startswith(f"client: {path}: ")


def test_an_empty_data_file_is_named(data: Path, run_client: RunClient) -> None:
    (data / "train_toy2.txt").write_text("")
    ended = run_client("127.0.0.1", 1, data, 2, 3, 4, 0.5)
    assert ended == (1, "", f"client: {data / 'train_toy2.txt'}: is empty; fill it or remove it\n")


def test_watch_follows_a_run_to_its_result(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("watch", RUN_ID, "--server", coordinator.address)
    assert (ended.status, ended.out) == (0, RESULT)
    assert ended.err.startswith("round 1 of 2: ")


def test_watching_a_run_that_is_not_there_fails(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("watch", "r8", "--server", coordinator.address)
    assert ended == (1, "", "client: no run is called 'r8'; `client.py runs list` lists them\n")


def test_cancel_says_how_the_run_stands(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("cancel", RUN_ID, "--server", coordinator.address)
    assert ended == (0, f"{RUN_ID}: cancelled\n", "")
    assert coordinator.fake.cancelled == [(RUN_ID, "by the client")]


def test_the_environment_names_the_coordinator(
    coordinator: Serving, run_client: RunClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDHOUSE_SERVER", coordinator.address)
    ended = run_client("status")
    assert ended.status == 0
    assert ended.out.startswith("coordinator 0.1.0, policy load-balancing, up 0:00:05")


def test_the_script_at_the_root_is_the_same_program(coordinator: Serving, data: Path) -> None:
    arguments = ("127.0.0.1", coordinator.port, data, 2, 3, 4, 1)
    command = [sys.executable, str(CHECKOUT / "client.py"), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, RESULT)


def test_a_reader_who_leaves_early_is_no_error(coordinator: Serving) -> None:
    command = [sys.executable, str(CHECKOUT / "client.py"), "status", "--server", coordinator.address]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        ended = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
