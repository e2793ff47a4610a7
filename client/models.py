"""A trained model as NumPy arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from client.files import replace_file
from client.model_files import check_model_path, read_model_file, write_model_file
from client.onnx_file import onnx_bytes
from mlcore.mlp import layer_views, n_weights
from rpc.errors import BadData, BadRequest

Array = NDArray[Any]

_BATCH_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Model:
    """A multilayer perceptron.

    Attributes:
        vector: all weights, 1-d: layer by layer a matrix (out, in + 1) by rows, biases in its last column.
        widths: units per layer from the inputs to the classes.
        activation: of the hidden layers, relu or tanh.
        offset: subtracted from each feature before the first layer, float64 (inputs,); None: raw features.
        scale: each feature is divided by it after that, float64 (inputs,).
    """

    vector: Array
    widths: tuple[int, ...]
    activation: str = "relu"
    offset: Array | None = None
    scale: Array | None = None

    def __post_init__(self) -> None:
        """Raise BadData if the vector does not fit the widths."""
        if self.vector.shape != (n_weights(self.widths),):
            raise BadData(
                f"a model with layers {self.widths} has {n_weights(self.widths)} weights, "
                f"but these have shape {self.vector.shape}"
            )

    @cached_property
    def layers(self) -> list[tuple[Array, Array]]:
        """Weights (out, in) and bias (out,) of each layer: views into `vector`."""
        return [(view[:, :-1], view[:, -1]) for view in layer_views(self.vector, self.widths)]

    @property
    def sha256(self) -> str:
        """The hash of the vector's little-endian bytes: what a run prints as `model sha256`."""
        little = self.vector.astype(self.vector.dtype.newbyteorder("<"), copy=False)
        return hashlib.sha256(np.ascontiguousarray(little).data).hexdigest()

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """Return the most likely class of each row of `x`, shape (rows, inputs), or (inputs,) for one row.

        Raises:
            BadRequest: the rows have another number of columns than the model has inputs.
        """
        return np.concatenate([logits.argmax(axis=1) for logits in self._logits(x)])

    def predict_proba(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class for each row of `x`, shape (rows, classes).

        Raises:
            BadRequest: as `predict`.
        """
        return np.concatenate([_softmax(logits.astype(np.float64)) for logits in self._logits(x)])

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a `.safetensors`, `.npz` or `.onnx` file; an existing one is replaced as a whole.

        Raises:
            BadRequest: another suffix.
            TrainerError: the file cannot be written.
        """
        target = Path(path)
        check_model_path(target)
        replace_file(target, self._write)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Model:
        """Return the model that `save` wrote as `.safetensors` or `.npz`.

        Raises:
            BadRequest: another suffix.
            BadData: the file is not there, or holds no such model.
        """
        arrays, about = read_model_file(Path(path))
        widths = _widths(about["layers"], path)
        return cls(arrays["vector"], widths, about["activation"], arrays.get("offset"), arrays.get("scale"))

    def _logits(self, x: ArrayLike) -> Iterator[Array]:
        """Yield the outputs of the last layer, (rows, classes), batch by batch: one of no rows where `x` has none."""
        rows = np.atleast_2d(np.asarray(x))
        if rows.ndim != 2 or rows.shape[1] != self.widths[0]:
            raise BadRequest(f"x must have {self.widths[0]} columns, but has shape {np.shape(x)}")
        for start in range(0, max(1, len(rows)), _BATCH_ROWS):
            yield self._forward(rows[start : start + _BATCH_ROWS])

    def _forward(self, x: Array) -> Array:
        if self.offset is not None and self.scale is not None:
            x = (x - self.offset) / self.scale
        x = x.astype(self.vector.dtype)
        *hidden, (last_weights, last_bias) = self.layers
        for weights, bias in hidden:
            x = x @ weights.T + bias
            x = np.tanh(x) if self.activation == "tanh" else np.maximum(x, 0)
        return np.asarray(x @ last_weights.T + last_bias)

    def _write(self, path: Path) -> None:
        if path.suffix != ".onnx":
            write_model_file(path, self._arrays(), self._about())
            return
        standardization = None if self.offset is None or self.scale is None else (self.offset, self.scale)
        about = self._about()
        path.write_bytes(
            onnx_bytes(self.layers, activation=self.activation, standardization=standardization, about=about)
        )

    def _arrays(self) -> dict[str, Array]:
        """All arrays of the file: the flat vector, and the layers for readers that do not know its order."""
        arrays = {"vector": self.vector}
        for index, (weights, bias) in enumerate(self.layers):
            arrays[f"layer{index}.weight"] = weights
            arrays[f"layer{index}.bias"] = bias
        if self.offset is not None and self.scale is not None:
            arrays |= {"offset": self.offset, "scale": self.scale}
        return arrays

    def _about(self) -> dict[str, str]:
        return {
            "layers": ",".join(map(str, self.widths)),
            "activation": self.activation,
            "standardized": "no" if self.offset is None else "yes",
            "sha256": self.sha256,
        }


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of logits (rows, classes); the logits are used up."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def _widths(text: str, path: str | PathLike[str]) -> tuple[int, ...]:
    try:
        widths = tuple(int(width) for width in text.split(","))
    except ValueError:
        widths = ()
    if len(widths) < 2 or min(widths) < 1:
        raise BadData(f"{path}: its layers are {text!r}, not units per layer like 16,24,26")
    return widths
