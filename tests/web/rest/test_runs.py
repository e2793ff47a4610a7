"""Runs over HTTP: started once, shown with all that is known, ended, gone on from, fetched as files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest

from rpc.errors import Refused
from rpc.messages import DataFile
from tests.client.fake import DETAIL, RUN_ID, RUNNING, SHA256, SPEC, WEIGHTS, Serving
from tests.client.fake_jobs import JOB_ID

JSON = {"Content-Type": "application/json"}
RUN = {"data": {"kind": "letters"}, "rounds": 3, "epochs": 2, "hidden": [24], "eta": 0.01}


def run_with(**changes: Any) -> dict[str, Any]:
    return {**RUN, **changes}


def test_a_run_on_the_letters_is_started_once_for_a_key(coordinator: Serving, http: httpx.Client) -> None:
    wanted = run_with(settings={"optimizer": "sgd", "owner": "eve"}, name="mine")
    answer = http.post("/api/v1/runs", json=wanted, headers={"Idempotency-Key": "monday"})
    assert (answer.status_code, answer.json(), answer.headers["location"]) == (
        201,
        {"id": RUN_ID},
        f"/api/v1/runs/{RUN_ID}",
    )
    (spec,) = coordinator.fake.specs
    assert (spec.name, spec.key, spec.owner, spec.optimizer, spec.hidden) == ("mine", "monday", "eve", "sgd", (24,))
    assert len(spec.shards) == 10 and spec.validation.file == "validate_letters.txt"
    assert len(coordinator.fake.blobs.get(spec.shards[0].blob, 0, 100)) == 100


def test_a_run_on_the_data_of_an_earlier_one_needs_none(coordinator: Serving, http: httpx.Client) -> None:
    data = DataFile("train_toy1.txt", "sha256:" + 64 * "1", 5)
    coordinator.fake.spec = replace(SPEC, shards=(data,))
    assert http.post("/api/v1/runs", json=run_with(data={"kind": "run", "run": RUN_ID})).status_code == 201
    assert coordinator.fake.specs[0].shards == (data,) and coordinator.fake.specs[0].name == SPEC.name


def test_a_run_on_blobs_names_them_and_is_called_as_the_first(coordinator: Serving, http: httpx.Client) -> None:
    file = {"file": "train_toy1.txt", "blob": "sha256:" + 64 * "1", "size": 5}
    data = {"kind": "blobs", "shards": [file], "validation": {**file, "file": "validate_toy.txt"}}
    assert http.post("/api/v1/runs", json=run_with(data=data)).status_code == 201
    spec = coordinator.fake.specs[0]
    assert ([shard.file for shard in spec.shards], spec.name) == (["train_toy1.txt"], "train_toy1")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"rounds": 0}, "body.rounds"),
        ({"rounds": "3"}, "body.rounds"),
        ({"rounds": True}, "body.rounds"),
        ({"rounds": 2**70}, "body.rounds"),
        ({"eta": 0}, "body.eta"),
        ({"hidden": [0]}, "body.hidden.0"),
        ({"more": 1}, "body.more"),
        ({"data": {"kind": "folder", "path": "/etc"}}, "body.data"),
        ({"data": {"kind": "run", "run": "\ud800"}}, "body.data.run.run"),
        ({"settings": {"optimizer": "gd\n"}}, "body.settings.optimizer"),
        ({"settings": {"key": "x"}}, "body.settings.key"),
        ({"settings": {"select": {"a": 1}}}, "body.settings.select.a"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(changes: dict[str, Any], where: str, http: httpx.Client) -> None:
    answer = http.post("/api/v1/runs", content=json.dumps(run_with(**changes)), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_request")
    assert answer.json()["detail"].startswith(f"{where}")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(number: str, http: httpx.Client) -> None:
    text = json.dumps(run_with(eta=12345)).replace("12345", number)
    answer = http.post("/api/v1/runs", content=text, headers=JSON)
    assert answer.status_code == 422 and answer.json()["detail"] == "body.eta: Input should be a finite number"


def test_a_run_that_no_node_could_do_is_refused(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.refusal = Refused("no known node has gpu=h100")
    answer = http.post("/api/v1/runs", json=RUN)
    assert (answer.status_code, answer.json()["code"]) == (422, "refused")


def test_a_run_is_shown_with_rounds_settings_and_checkpoints(http: httpx.Client) -> None:
    shown = http.get(f"/api/v1/runs/{RUN_ID}").json()
    assert (shown["row"]["id"], shown["settings"]["eta"], len(shown["checkpoints"])) == (RUN_ID, SPEC.eta, 2)
    assert shown["run"]["model_sha256"] == SHA256 and len(shown["run"]["rounds"]) == len(DETAIL.rounds)


def test_numbers_that_json_does_not_have_are_told_as_null(coordinator: Serving, http: httpx.Client) -> None:
    first = replace(DETAIL.rounds[0], train_loss=float("nan"), validation_loss=float("inf"))
    coordinator.fake.detail = replace(DETAIL, rounds=(first,))
    answer = http.get(f"/api/v1/runs/{RUN_ID}")
    assert answer.status_code == 200
    assert [answer.json()["run"]["rounds"][0][name] for name in ("train_loss", "validation_loss")] == [None, None]


def test_a_job_is_no_run_and_says_where_it_is(http: httpx.Client) -> None:
    answer = http.get(f"/api/v1/runs/{JOB_ID}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["detail"] == f"{JOB_ID} is no run but a job: ask for /api/v1/jobs/{JOB_ID}"


def test_a_run_is_cancelled_for_a_reason_and_then_removed(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.row = RUNNING
    row = http.post(f"/api/v1/runs/{RUN_ID}/cancel", json={"reason": "enough"}).json()
    assert (row["state"], coordinator.fake.cancelled) == ("cancelled", [(RUN_ID, "enough")])
    assert http.delete(f"/api/v1/runs/{RUN_ID}").json()["id"] == RUN_ID
    assert http.post("/api/v1/work/remove", json={"ids": [RUN_ID, JOB_ID]}).status_code == 200


def test_a_branch_changes_only_what_is_said(coordinator: Serving, http: httpx.Client) -> None:
    wanted = {"from_round": 1, "rounds": 9, "settings": {"seed": 5}}
    answer = http.post(f"/api/v1/runs/{RUN_ID}/branch", json=wanted, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201
    (spec,) = coordinator.fake.specs
    assert (spec.parent, spec.parent_round, spec.rounds, spec.seed, spec.key) == (RUN_ID, 1, 9, 5, "k")
    assert (spec.eta, spec.epochs) == (SPEC.eta, SPEC.epochs)


def test_a_verification_is_asked_for_with_its_key(coordinator: Serving, http: httpx.Client) -> None:
    answer = http.post(f"/api/v1/runs/{RUN_ID}/verify", json={"sample": 0.5}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, coordinator.fake.keys) == (201, ["k"])


def test_attempts_are_told_for_some_rounds_at_a_time(http: httpx.Client) -> None:
    rows = http.get(f"/api/v1/runs/{RUN_ID}/attempts", params={"first_round": 1, "last_round": 1}).json()
    assert [(row["node"], row["state"], row["is_last"]) for row in rows["items"]] == [
        ("n1", "failed", False),
        ("n2", "done", True),
    ]
    answer = http.get(f"/api/v1/runs/{RUN_ID}/attempts", params={"first_round": 0, "last_round": 900})
    assert answer.status_code == 400 and "200 rounds" in answer.json()["detail"]


@pytest.mark.parametrize("form", ["safetensors", "npz", "onnx"])
def test_a_model_is_fetched_in_each_format(form: str, http: httpx.Client) -> None:
    answer = http.get(f"/api/v1/runs/{RUN_ID}/model", params={"format": form})
    assert (answer.status_code, answer.headers["x-model-sha256"]) == (200, SHA256)
    assert answer.headers["content-disposition"] == f'attachment; filename="{RUN_ID}.{form}"'
    assert WEIGHTS[:2].tobytes() in answer.content or form != "safetensors"


def test_a_model_answers_for_rows(http: httpx.Client) -> None:
    answer = http.post(f"/api/v1/runs/{RUN_ID}/predict", json={"rows": [[1.0, 2.0], [3, 4]], "probabilities": True})
    told = answer.json()
    assert len(told["classes"]) == 2 and np.allclose(np.sum(told["probabilities"], axis=1), 1.0)
    wrongs: list[list[list[float]]] = [[[1.0]], [[1.0, 2.0], [1.0]], [[]]]
    for wrong in wrongs:
        answer = http.post(f"/api/v1/runs/{RUN_ID}/predict", json={"rows": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_the_confusion_matrix_counts_the_validation_set(coordinator: Serving, http: httpx.Client) -> None:
    data = b"1,2,0\n3,4,1\n5,6,1\n"
    blob = coordinator.fake.blobs.store(data)
    coordinator.fake.spec = replace(SPEC, validation=DataFile("validate_toy.txt", blob, len(data)))
    told = http.get(f"/api/v1/runs/{RUN_ID}/confusion").json()
    assert (told["rows"], len(told["matrix"]), sum(map(sum, told["matrix"]))) == (3, 2, 3)
    assert [sum(row) for row in told["matrix"]] == [1, 2]


def test_a_run_is_exported_as_csv_and_json(http: httpx.Client) -> None:
    text = http.get(f"/api/v1/runs/{RUN_ID}/export").text
    assert text.startswith("step,validation_error,")
    assert http.get(f"/api/v1/runs/{RUN_ID}/export", params={"format": "json"}).json()["work"]["id"] == RUN_ID
