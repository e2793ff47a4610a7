"""`client.py runs`: what is shown, and what is asked of the coordinator."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from client.api import Session, connect
from rpc.errors import BadRequest, ExitCode
from tests.client.conftest import RunClient
from tests.client.fake import FIRST, RUN_ID, RUNNING, SHA256, SPEC, WEIGHTS, Serving


def runs(run_client: RunClient, coordinator: Serving, *arguments: object) -> str:
    ended = run_client("runs", *arguments, "--server", coordinator.address)
    assert (ended.status, ended.err) == (ExitCode.DONE, "")
    return ended.out


def test_runs_stand_in_columns(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.row = replace(RUNNING, owner="ann", round=1)
    head, row = runs(run_client, coordinator, "list").splitlines()
    assert head.split() == ["run", "kind", "name", "owner", "state", "submitted", "round", "error"]
    assert row.split()[:5] == [RUN_ID, "-", "data", "ann", "running"] and row.split()[-2:] == ["1/2", "-"]


def test_what_is_no_run_of_its_own_says_so_in_the_list(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.row = replace(RUNNING, kind="verify")
    assert runs(run_client, coordinator, "list").splitlines()[1].split()[:3] == [RUN_ID, "verify", "data"]


@pytest.mark.parametrize(("limit", "rows"), [(7, 7), (1200, 1200), (5000, 2000)])
def test_a_long_list_comes_page_by_page(coordinator: Serving, run_client: RunClient, limit: int, rows: int) -> None:
    coordinator.fake.listed = 2000
    found = json.loads(runs(run_client, coordinator, "list", "--json", "--limit", limit))
    assert [row["number"] for row in found] == list(range(2000, 2000 - rows, -1))


def test_only_runs_in_the_wanted_states_are_listed(coordinator: Serving, run_client: RunClient) -> None:
    listed = runs(run_client, coordinator, "list", "--json", "--state", "failed", "--state", "cancelled")
    assert json.loads(listed) == []


@pytest.mark.parametrize("name", [RUN_ID, "monday", "latest"])
def test_a_run_is_shown_by_any_of_its_names(coordinator: Serving, run_client: RunClient, name: str) -> None:
    detail = coordinator.fake.detail
    coordinator.fake.detail = replace(detail, parent="run-6", parent_round=3)
    coordinator.fake.spec = replace(SPEC, select={"os": "linux", "gpu": "v"})
    facts = {line[:16].strip(): line[16:].strip() for line in runs(run_client, coordinator, "show", name).splitlines()}
    assert (facts["run"], facts["state"], facts["branch of"]) == (RUN_ID, "completed", "run-6, after round 3")
    assert (facts["stored rounds"], facts["model sha256"]) == ("1 (best), 2", SHA256)
    assert (facts["setting rounds"], facts["setting patience"]) == ("2", "4")
    assert (facts["setting hidden"], facts["setting select"]) == ("3", "os=linux,gpu=v")
    assert "setting momentum" not in facts and "reason" not in facts


def test_json_of_a_run_has_settings_and_stored_rounds(coordinator: Serving, run_client: RunClient) -> None:
    about = json.loads(runs(run_client, coordinator, "show", RUN_ID, "--json"))
    assert [each["round"] for each in about["checkpoints"]] == [1, 2]
    assert (about["id"], about["settings"]["eta"], about["tasks_by_node"]["127.0.0.1:9091"]) == (RUN_ID, 0.5, 3)


def test_a_branch_changes_only_what_is_given(coordinator: Serving, run_client: RunClient) -> None:
    runs(run_client, coordinator, "branch", RUN_ID, "--rounds", 9, "--owner", "bob", "--select", "os=linux")
    (spec,) = coordinator.fake.specs
    changed = {"rounds": 9, "owner": "bob", "select": {"os": "linux"}}
    assert spec.key != SPEC.key  # a key is of one run alone
    assert replace(spec, key=SPEC.key) == replace(SPEC, parent=RUN_ID, parent_round=0, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(("wanted", "number"), [("best", 1), ("1", 1), ("last", 0)])
def test_a_branch_begins_after_the_round_that_is_meant(
    coordinator: Serving, run_client: RunClient, wanted: str, number: int
) -> None:
    runs(run_client, coordinator, "branch", RUN_ID, "--from-round", wanted)
    assert coordinator.fake.specs[0].parent_round == number


def test_a_round_that_is_none_is_wrong_usage(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("runs", "branch", RUN_ID, "--from-round", "0", "--server", coordinator.address)
    assert ended.status == ExitCode.USAGE
    assert "--from-round: must be the number of a round, best or last, not '0'" in ended.err


def test_watch_and_cancel_are_also_commands_of_runs(coordinator: Serving, run_client: RunClient) -> None:
    assert runs(run_client, coordinator, "cancel", "latest") == f"{RUN_ID}: cancelled\n"
    ended = run_client("runs", "watch", "monday", "--quiet", "--server", coordinator.address)
    assert (ended.status, ended.out.splitlines()[-1]) == (ExitCode.DONE, f"model sha256: {SHA256}")


@pytest.fixture
def session(coordinator: Serving) -> Session:
    return connect(coordinator.address)


def test_runs_are_removed_by_any_of_their_names(coordinator: Serving, run_client: RunClient) -> None:
    assert runs(run_client, coordinator, "remove", RUN_ID) == f"{RUN_ID}: removed\n"
    assert json.loads(runs(run_client, coordinator, "remove", "latest", "monday", "--json")) == {
        "removed": [RUN_ID, RUN_ID]
    }


def test_a_stored_round_has_a_model(session: Session) -> None:
    with session:
        best = session.run(RUN_ID).model("best")
    assert f"sha256:{best.sha256}" == FIRST and (best.vector == WEIGHTS / 2).all()


def test_a_round_that_is_not_stored_is_refused_with_those_that_are(session: Session) -> None:
    refused = pytest.raises(BadRequest, match="round 3 of run-7 is not stored; these are: 1, 2")
    with session, refused:
        session.run(RUN_ID).model(3)


def test_before_the_first_round_nothing_is_stored(coordinator: Serving, session: Session) -> None:
    coordinator.fake.stored = ()
    with session, pytest.raises(BadRequest, match="no round of run-7 is stored yet"):
        session.run(RUN_ID).branch("best")
