"""`client.py models`: what it lists, writes and predicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from client.models import Model
from tests.client.conftest import RunClient
from tests.client.fake import LAYERS, RUN_ID, RUNNING, SHA256, WEIGHTS, Serving

MODEL = Model(WEIGHTS, LAYERS)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three rows without labels; the fake's model answers 1 to all of them but the last."""
    path = tmp_path / "rows.txt"
    path.write_text("1,2\n0.5,-0.25\n-100,-100\n")
    return path


def test_the_list_names_run_layers_hash_and_error(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("models", "list", "--server", coordinator.address)
    head, row = ended.out.splitlines()
    assert head.split() == ["run", "name", "parent", "layers", "sha256", "size", "error"]
    assert row.split() == [RUN_ID, "data", "-", "2-3-2", SHA256[:12], "68", "0.3815"]


def test_the_list_as_json_tells_all(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("models", "list", "--server", coordinator.address, "--json")
    (model,) = json.loads(ended.out)
    assert (model["run"], model["layers"], model["model_sha256"]) == (RUN_ID, [2, 3, 2], SHA256)


def test_without_a_completed_run_the_list_is_its_head(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.row = RUNNING
    ended = run_client("models", "list", "--server", coordinator.address)
    assert (ended.status, len(ended.out.splitlines())) == (0, 1)


@pytest.mark.parametrize("file_format", ["npz", "safetensors", "onnx"])
def test_an_export_is_named_after_the_run(
    coordinator: Serving,
    run_client: RunClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file_format: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run_client("models", "export", "latest", "--format", file_format, "--server", coordinator.address)
    assert ended == (0, f"{RUN_ID}.{file_format}: model sha256 {SHA256}\n", "")
    assert (tmp_path / f"{RUN_ID}.{file_format}").stat().st_size > WEIGHTS.nbytes


def test_the_file_tells_the_format_where_nobody_else_does(
    coordinator: Serving, run_client: RunClient, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    ended = run_client("models", "export", RUN_ID, "--out", path, "--server", coordinator.address, "--json")
    assert json.loads(ended.out) == {"run": RUN_ID, "file": str(path), "model_sha256": SHA256}
    assert (load_file(path)["layer0.weight"] == MODEL.layers[0][0]).all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--format", "onnx", "--out", "m.npz"], "m.npz: does not end in .onnx; leave out --format, or name the file"),
        (["--out", "m.pt"], "m.pt: a model is kept as .safetensors, .npz or .onnx"),
        (["--out", "nowhere/m.npz"], "nowhere/m.npz: its folder does not exist"),
    ],
)
def test_a_file_that_cannot_be_exported_to_is_refused_before_anybody_is_asked(
    run_client: RunClient, options: list[str], reason: str
) -> None:
    ended = run_client("models", "export", RUN_ID, *options, "--server", "127.0.0.1:1")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"client: {reason}")


def test_a_class_is_printed_for_each_row(coordinator: Serving, run_client: RunClient, rows: Path) -> None:
    ended = run_client("models", "predict", RUN_ID, rows, "--server", coordinator.address)
    expected = MODEL.predict(np.loadtxt(rows, delimiter=",")).tolist()
    assert ended == (0, "".join(f"{each}\n" for each in expected), "")


def test_labels_tell_the_share_of_wrong_answers(coordinator: Serving, run_client: RunClient, rows: Path) -> None:
    features = rows.read_text().split()
    answers = MODEL.predict(np.loadtxt(rows, delimiter=","))
    labels = [answers[0], answers[1], answers[2] + 1]
    rows.write_text("".join(f"{line},{label}\n" for line, label in zip(features, labels, strict=True)))
    ended = run_client("models", "predict", RUN_ID, rows, "--server", coordinator.address)
    assert (ended.out.split(), ended.err) == ([*map(str, answers)], "error on 3 labelled rows: 0.3333\n")


def test_probabilities_stand_behind_the_class(coordinator: Serving, run_client: RunClient, rows: Path) -> None:
    ended = run_client("models", "predict", RUN_ID, rows, "--proba", "--server", coordinator.address)
    expected = MODEL.predict_proba(np.loadtxt(rows, delimiter=","))
    printed = np.array([line.split(",") for line in ended.out.split()], float)
    assert (printed[:, 0] == expected.argmax(axis=1)).all()
    assert np.allclose(printed[:, 1:], expected, rtol=1e-5)


def test_json_holds_classes_probabilities_and_error(coordinator: Serving, run_client: RunClient, data: Path) -> None:
    file = data / "train_toy2.txt"
    ended = run_client("models", "predict", RUN_ID, file, "--proba", "--json", "--server", coordinator.address)
    found = json.loads(ended.out)
    assert (len(found["classes"]), np.shape(found["probabilities"]), found["error"]) == (2, (2, 2), 0.5)


def test_an_exported_file_predicts_without_a_coordinator(run_client: RunClient, tmp_path: Path, rows: Path) -> None:
    MODEL.save(tmp_path / "model.npz")
    ended = run_client("models", "predict", tmp_path / "model.npz", rows, "--server", "127.0.0.1:1")
    assert (ended.status, len(ended.out.split())) == (0, 3)


def test_a_standardized_model_predicts_from_raw_features(
    coordinator: Serving, run_client: RunClient, rows: Path
) -> None:
    offset, scale = np.array([50.0, -3.0]), np.array([3.0, 0.1])
    fake = coordinator.fake
    fake.detail = replace(fake.detail, offset=offset.tobytes(), scale=scale.tobytes())
    ended = run_client("models", "predict", RUN_ID, rows, "--proba", "--server", coordinator.address)
    expected = MODEL.predict_proba((np.loadtxt(rows, delimiter=",") - offset) / scale)
    printed = np.array([line.split(",")[1:] for line in ended.out.split()], float)
    assert np.allclose(printed, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,2,3,4\n", ":1: 4 columns, but the model takes 2 features, and a label if there is one"),
        ("1,2\n1,x\n", ":2: column 2: 'x' is not a number; correct or remove the row"),
        ("1,2\n1,2,3\n", ":2: 3 columns where line 1 has 2; make all rows equally long"),
    ],
)
def test_a_row_that_cannot_be_predicted_is_named(
    coordinator: Serving, run_client: RunClient, rows: Path, text: str, reason: str
) -> None:
    rows.write_text(text)
    ended = run_client("models", "predict", RUN_ID, rows, "--server", coordinator.address)
    assert ended == (1, "", f"client: {rows}{reason}\n")


def test_a_file_that_is_not_there_is_named(coordinator: Serving, run_client: RunClient, tmp_path: Path) -> None:
    ended = run_client("models", "predict", RUN_ID, tmp_path / "nothing.txt", "--server", coordinator.address)
    assert ended == (1, "", f"client: {tmp_path / 'nothing.txt'}: cannot be read: No such file or directory\n")
