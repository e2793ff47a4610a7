"""Models: their layers and answers, and what is kept of them in files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from safetensors import safe_open

from client.models import Model
from mlcore.metrics import evaluate
from mlcore.mlp import init_weights
from rpc.errors import BadData, BadRequest, TrainerError

WIDTHS = (4, 5, 6, 3)
OFFSET = np.array([1.0, 2.0, 3.0, 4.0])
SCALE = np.array([0.5, 2.0, 1.0, 3.0])


def model_of(*, activation: str = "relu", standardized: bool = False, dtype: str = "float32") -> Model:
    vector = init_weights(WIDTHS, init="he", seed=3, dtype=dtype)
    return Model(vector, WIDTHS, activation, *((OFFSET, SCALE) if standardized else ()))


def rows(n: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=(n, WIDTHS[0]))


def test_layers_are_views_into_the_vector() -> None:
    model = model_of()
    shapes = [(weights.shape, bias.shape) for weights, bias in model.layers]
    assert shapes == [((5, 4), (5,)), ((6, 5), (6,)), ((3, 6), (3,))]
    assert all(np.shares_memory(weights, model.vector) for weights, _ in model.layers)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("standardized", [False, True])
def test_predictions_are_those_that_the_coordinator_validates(activation: str, standardized: bool) -> None:
    model = model_of(activation=activation, standardized=standardized)
    x = rows(5000)
    scaled = (x - OFFSET) / SCALE if standardized else x
    answers = model.predict(x)
    found = evaluate(model.vector, scaled, answers, WIDTHS, activation=activation)
    assert found.error <= 0.001  # a tie in float32 may fall either way


@given(arrays(np.float64, (6, WIDTHS[0]), elements=st.floats(-1e3, 1e3)), st.booleans())
def test_the_probabilities_of_a_row_make_one_and_the_largest_is_the_prediction(
    x: NDArray[np.float64], standardized: bool
) -> None:
    model = model_of(standardized=standardized)
    probabilities = model.predict_proba(x)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    assert (probabilities[range(6), model.predict(x)] == probabilities.max(axis=1)).all()


def test_one_row_and_no_rows_are_predicted_too() -> None:
    model = model_of()
    assert model.predict_proba(rows(1)[0]).shape == (1, 3)
    assert model.predict_proba(rows(0)).shape == (0, 3)
    assert model.predict(rows(1)[0]).shape == (1,)
    assert model.predict(rows(0)).shape == (0,)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(BadRequest, match=r"x must have 4 columns, but has shape \(2, 3\)"):
        model_of().predict(np.zeros((2, 3)))


def test_a_vector_of_another_length_is_no_model() -> None:
    with pytest.raises(BadData, match="has 82 weights"):
        Model(np.zeros(5, np.float32), WIDTHS)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@given(
    activation=st.sampled_from(["relu", "tanh"]),
    standardized=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_saving_and_loading_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, activation: str, standardized: bool, dtype: str
) -> None:
    model = model_of(activation=activation, standardized=standardized, dtype=dtype)
    path = tmp_path_factory.mktemp("models") / f"model{suffix}"
    model.save(path)
    again = Model.load(path)
    assert (again.vector == model.vector).all()
    assert again.vector.dtype == model.vector.dtype
    assert (again.widths, again.activation) == (model.widths, activation)
    assert (again.offset is None) == (not standardized)
    assert (again.predict(rows(20)) == model.predict(rows(20))).all()


def test_the_hash_is_that_of_the_little_endian_bytes() -> None:
    model = model_of()
    expected = hashlib.sha256(model.vector.astype("<f4").tobytes()).hexdigest()
    assert model.sha256 == expected
    assert Model(model.vector.astype(">f4"), WIDTHS).sha256 == expected


def test_a_file_can_be_read_without_roundhouse(tmp_path: Path) -> None:
    model = model_of(standardized=True)
    model.save(tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        assert file.metadata()["layers"] == "4,5,6,3"
        assert file.metadata()["sha256"] == model.sha256
        assert (file.get_tensor("layer1.weight") == model.layers[1][0]).all()
        assert (file.get_tensor("layer2.bias") == model.layers[2][1]).all()


def test_an_older_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_text("old")
    model_of().save(path)
    assert Model.load(path).widths == WIDTHS
    assert [each.name for each in tmp_path.iterdir()] == ["model.npz"]


def test_a_model_that_cannot_be_written_leaves_the_older_file(tmp_path: Path) -> None:
    folder = tmp_path / "model.npz"
    folder.mkdir()
    with pytest.raises(TrainerError, match=r"model\.npz: cannot be written"):
        model_of().save(folder)
    assert [each.name for each in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    with pytest.raises(BadData, match="cannot be read"):
        Model.load(path)
    path.write_bytes(b"\0" * 100)
    with pytest.raises(BadData, match="cannot be read"):
        Model.load(path)


def test_an_empty_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.npz").touch()
    with pytest.raises(BadData, match=r"model\.npz: cannot be read"):
        Model.load(tmp_path / "model.npz")


def test_a_single_array_under_the_name_of_an_archive_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "model.npy", np.zeros(3))
    path = (tmp_path / "model.npy").rename(tmp_path / "model.npz")
    with pytest.raises(BadData, match=r"cannot be read: it holds one array and no \.npz archive"):
        Model.load(path)


@pytest.mark.parametrize("layers", ["", "4,x", "4", "4,0,3", "4,-5,3"])
def test_layers_that_are_none_are_refused(tmp_path: Path, layers: str) -> None:
    np.savez(tmp_path / "model.npz", vector=np.zeros(3), layers=np.array(layers), activation=np.array("relu"))
    with pytest.raises(BadData, match=f"its layers are '{layers}', not units per layer like 16,24,26"):
        Model.load(tmp_path / "model.npz")


def test_an_npz_of_somebody_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", weights=np.zeros(3))
    with pytest.raises(BadData, match="was not written by Roundhouse; it lacks layers, activation"):
        Model.load(tmp_path / "model.npz")


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"kept as \.safetensors, \.npz or \.onnx"):
        model_of().save(tmp_path / "model.pt")
    with pytest.raises(BadRequest, match=r"model\.onnx: a model is read from a \.safetensors or \.npz file"):
        Model.load(tmp_path / "model.onnx")
