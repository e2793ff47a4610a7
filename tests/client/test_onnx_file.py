"""Models as ONNX files: valid to the checker, and the same answers from another runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.models import Model
from client.onnx_file import onnx_bytes
from mlcore.mlp import init_weights
from rpc.errors import BadRequest

SCALES = np.array([0.5, 2.0, 1e-3, 1e6])


def model_of(hidden: list[int], *, activation: str, standardized: bool, dtype: str) -> Model:
    widths = (4, *hidden, 3)
    vector = init_weights(widths, init="xavier", seed=3, dtype=dtype)
    vector += np.linspace(-0.02, 0.02, vector.size).astype(dtype)  # biases too
    return Model(vector, widths, activation, *((SCALES * 3, SCALES) if standardized else ()))


@settings(deadline=None, max_examples=40)
@given(
    hidden=st.lists(st.integers(1, 200), max_size=3),
    activation=st.sampled_from(["relu", "tanh"]),
    standardized=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_another_runtime_gives_the_same_answers(
    tmp_path_factory: pytest.TempPathFactory, hidden: list[int], activation: str, standardized: bool, dtype: str
) -> None:
    model = model_of(hidden, activation=activation, standardized=standardized, dtype=dtype)
    path = tmp_path_factory.mktemp("models") / "model.onnx"
    model.save(path)
    onnx.checker.check_model(str(path), full_check=True)
    x = np.random.default_rng(1).normal(size=(50, 4)) * (SCALES if standardized else 1)
    runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    classes, probabilities = runtime.run(None, {"features": x})
    assert probabilities.dtype == dtype
    assert np.allclose(probabilities, model.predict_proba(x), atol=1e-5 if dtype == "float32" else 1e-12)
    certain = np.diff(np.sort(probabilities, axis=1))[:, -1] > 1e-5
    assert (classes == model.predict(x))[certain].all()


def test_the_file_tells_what_it_is(tmp_path: Path) -> None:
    model = model_of([5], activation="relu", standardized=True, dtype="float32")
    model.save(tmp_path / "model.onnx")
    read = onnx.load(tmp_path / "model.onnx")
    assert read.producer_name == "roundhouse"
    assert {each.key: each.value for each in read.metadata_props} == {
        "layers": "4,5,3",
        "activation": "relu",
        "standardized": "yes",
        "sha256": model.sha256,
    }
    assert [each.name for each in read.graph.input] == ["features"]
    assert [each.name for each in read.graph.output] == ["class", "probabilities"]


def test_a_model_beyond_two_gigabytes_is_refused() -> None:
    wide = np.broadcast_to(np.float32(0), (2**14, 2**15))  # 2 GiB to whoever asks, a single number in memory
    with pytest.raises(BadRequest, match="an ONNX file holds at most 2 GiB"):
        onnx_bytes([(wide, np.zeros(2**14))], activation="relu", standardization=None, about={})
