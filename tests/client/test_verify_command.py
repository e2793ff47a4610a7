"""`client.py runs verify`: what it says was checked, and what was not."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from typing import Any

import pytest

from client.verify_command import Finding
from rpc.errors import ExitCode, FailureKind
from rpc.messages import RoundRow, RunDetail, WorkDetail
from tests.client.conftest import RunClient
from tests.client.fake import COMPLETED, DETAIL, RUN_ID, RUNNING, Serving

N_SHARDS = 10
MISMATCH = "MISMATCH in round 1, shard train_toy1.txt: node n1 gave 0f, node n2 gave 0e"


def detail(rounds: int, state: str = "completed", known: int = 0, name: str = "run-7") -> WorkDetail:
    done = tuple(RoundRow(number, tasks=N_SHARDS) for number in range(1, rounds + 1))
    row = replace(COMPLETED, id=name, state=state, round=rounds, rounds=12)
    return WorkDetail(row, RunDetail(rounds=done, tasks_by_node={"memo": known} if known else {}))


def found(rounds: int, compared: int, share: float, known: int = 0, **verified: Any) -> Finding:
    return Finding(detail(rounds, **verified), detail(compared, known=known, name="run-8"), share, N_SHARDS)


def test_a_whole_run_leaves_nothing_unsaid() -> None:
    assert list(found(12, 12, 1.0).lines()) == [
        "run-7: no difference; 120 of 120 updates were computed again and are the recorded ones"
    ]


def test_rounds_behind_the_sample_are_named() -> None:
    assert list(found(12, 3, 0.1).lines()) == [
        "run-7: no difference; 30 of 120 updates were computed again and are the recorded ones",
        "not checked: 90 of rounds 4 to 12, behind the last one of the sample",
    ]


def test_what_was_known_already_was_not_checked() -> None:
    assert list(found(12, 10, 0.1, known=10 + 88).lines()) == [
        "run-7: no difference; 12 of 120 updates were computed again and are the recorded ones",
        "not checked: 88 others of rounds 1 to 10, outside the sample and known already",
        "not checked: 20 of rounds 11 to 12, behind the last one of the sample",
    ]


def test_no_more_is_claimed_than_is_certain() -> None:
    lines = list(found(12, 12, 0.1, known=5).lines())
    assert lines[0].startswith("run-7: no difference; at least 115 of 120 updates")
    assert lines[1].startswith("not checked: at most 5 others of rounds 1 to 12")


def test_of_a_run_that_goes_on_the_rest_is_not_checked() -> None:
    lines = list(found(2, 1, 0.05, state="running").lines())
    assert lines[1:] == [
        "not checked: 10 of round 2, behind the last one of the sample",
        "not checked: what run-7 has done since, or is yet to do",
    ]


def test_progress_is_told_while_it_runs(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("runs", "verify", RUN_ID, "--server", coordinator.address)
    assert ended.err.splitlines() == ["round 1 of 2: validation error 0.1000", "round 2 of 2: validation error 0.2000"]
    assert ended.out.startswith(f"{RUN_ID}: no difference; ") and "of 4 updates were computed again" in ended.out
    assert run_client("runs", "verify", RUN_ID, "--quiet", "--server", coordinator.address).err == ""


def test_json_tells_what_was_checked(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.detail = replace(DETAIL, tasks_by_node={"n1": 6})
    ended = run_client("runs", "verify", RUN_ID, "--json", "--quiet", "--server", coordinator.address)
    about = json.loads(ended.out)
    assert (about["same"], about["checked"], about["updates"], about["all_updates"]) == (True, 4, 4, 4)


@pytest.mark.parametrize(("reason", "same"), [(MISMATCH, False), ("no node came", None)])
def test_json_tells_of_a_difference_too(
    coordinator: Serving, run_client: RunClient, reason: str, same: bool | None
) -> None:
    failed = replace(COMPLETED, state="failed", reason=reason, failure=FailureKind.BAD_UPDATE)
    coordinator.fake.row, coordinator.fake.story = failed, [replace(coordinator.fake.story[-1], row=failed)]
    ended = run_client("runs", "verify", RUN_ID, "--json", "--quiet", "--server", coordinator.address)
    about = json.loads(ended.out)
    assert (ended.status, ended.err) == (ExitCode.FAILED, f"client: {reason}\n")
    assert (about["same"], about["reason"], about["state"]) == (same, reason, "failed")


def test_an_interrupt_cancels_the_verification(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.row, coordinator.fake.story = RUNNING, coordinator.fake.story[:1]
    coordinator.fake.held = lambda: os.kill(os.getpid(), signal.SIGINT)
    ended = run_client("runs", "verify", RUN_ID, "--quiet", "--server", coordinator.address)
    assert (ended.status, ended.out) == (ExitCode.INTERRUPTED, "")
    assert ended.err == f"client: {RUN_ID} is cancelled\n"
    assert coordinator.fake.cancelled == [(RUN_ID, "its client was interrupted")]
