"""A trained model as NumPy arrays: its layers, its answers, and the files it is kept in."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mlcore.mlp import layer_views, n_weights
from rpc.errors import BadData, BadRequest, TrainerError

Array = NDArray[Any]

_BATCH_ROWS = 4096
_FORMATS = (".safetensors", ".npz")


@dataclass(frozen=True, eq=False)
class Model:
    """A multilayer perceptron.

    Attributes:
        vector: all weights, 1-d: layer by layer a matrix (out, in + 1) in row order, biases in its last column.
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
        if self.vector.shape != (n_weights(self.widths),):
            raise BadData(
                f"a model with layers {self.widths} has {n_weights(self.widths)} weights, "
                f"not {self.vector.shape}; the file or the reply is damaged"
            )

    @cached_property
    def layers(self) -> list[tuple[Array, Array]]:
        """Weights (out, in) and bias (out,) of each layer, views into `vector`."""
        return [(view[:, :-1], view[:, -1]) for view in layer_views(self.vector, self.widths)]

    @property
    def sha256(self) -> str:
        """The hash of the vector's little-endian bytes: what a run prints as `model sha256`."""
        little = self.vector.astype(self.vector.dtype.newbyteorder("<"), copy=False)
        return hashlib.sha256(np.ascontiguousarray(little).data).hexdigest()

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """Return the most likely class of each row of `x`, shape (rows, inputs), or (inputs,) for one row."""
        rows = np.atleast_2d(np.asarray(x))
        if rows.ndim != 2 or rows.shape[1] != self.widths[0]:
            raise BadRequest(f"x must have {self.widths[0]} columns, not shape {np.shape(x)}")
        batches = [rows[start : start + _BATCH_ROWS] for start in range(0, len(rows), _BATCH_ROWS)]
        answers = [self._logits(batch).argmax(axis=1) for batch in batches]
        return np.concatenate([np.empty(0, np.int64), *answers]).astype(np.int64)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a `.safetensors` or `.npz` file; an existing file is replaced only by a whole one.

        Raises:
            BadRequest: another suffix.
            TrainerError: the file cannot be written.
        """
        target = Path(path)
        check_model_path(target)
        write = _write_safetensors if target.suffix == ".safetensors" else _write_npz
        replace_file(target, lambda scratch: write(scratch, self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Return the model that `save` wrote.

        Raises:
            BadData: the file is not there, or holds no such model.
        """
        source = Path(path)
        check_model_path(source)
        try:
            read = _read_safetensors if source.suffix == ".safetensors" else _read_npz
            arrays, about = read(source)
            return cls(
                arrays["vector"],
                tuple(json.loads(about["layers"])),
                about["activation"],
                arrays.get("offset"),
                arrays.get("scale"),
            )
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise BadData(f"{source}: no model of Roundhouse can be read from it: {error}") from error

    def _logits(self, x: Array) -> Array:
        if self.offset is not None and self.scale is not None:
            x = (x - self.offset) / self.scale
        x = x.astype(self.vector.dtype)
        for weights, bias in self.layers[:-1]:
            x = x @ weights.T + bias
            x = np.tanh(x) if self.activation == "tanh" else np.maximum(x, 0)
        weights, bias = self.layers[-1]
        return np.asarray(x @ weights.T + bias)


def check_model_path(path: Path) -> None:
    """Raise BadRequest unless the name says in which format a model is kept."""
    if path.suffix not in _FORMATS:
        raise BadRequest(f"{path}: a model is kept as .safetensors or .npz; give the file such a name")


def replace_file(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `target` and put it in its place, so that nobody ever sees half a file.

    Raises:
        TrainerError: the folder is not there or cannot be written.
    """
    scratch = ""
    try:
        handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix)
        os.close(handle)
        write(Path(scratch))
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(scratch, 0o666 & ~mask)  # mkstemp's files are private; this one is an ordinary result
        os.replace(scratch, target)
    except OSError as error:
        raise TrainerError(f"{target}: cannot be written: {error.strerror}; choose another place") from error
    finally:
        Path(scratch).unlink(missing_ok=True) if scratch else None


def _arrays(model: Model) -> dict[str, Array]:
    """Everything in a model's file: the flat vector, and for readers that know no Roundhouse the layers."""
    arrays = {"vector": model.vector}
    for index, (weights, bias) in enumerate(model.layers):
        arrays[f"layer{index}.weight"] = np.ascontiguousarray(weights)
        arrays[f"layer{index}.bias"] = np.ascontiguousarray(bias)
    if model.offset is not None and model.scale is not None:
        arrays |= {"offset": model.offset, "scale": model.scale}
    return arrays


def _about(model: Model) -> dict[str, str]:
    return {
        "format": "roundhouse-mlp-1",
        "layers": json.dumps(list(model.widths)),
        "activation": model.activation,
        "standardized": "yes" if model.offset is not None else "no",
        "sha256": model.sha256,
    }


def _write_safetensors(path: Path, model: Model) -> None:
    save_file(_arrays(model), path, metadata=_about(model))


def _write_npz(path: Path, model: Model) -> None:
    about = {name: np.array(text) for name, text in _about(model).items()}
    np.savez(path, allow_pickle=False, **_arrays(model), **about)


def _read_safetensors(path: Path) -> tuple[Mapping[str, Array], Mapping[str, str]]:
    with safe_open(path, framework="numpy") as file:
        names = {"vector", "offset", "scale"} & set(file.keys())
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


def _read_npz(path: Path) -> tuple[Mapping[str, Array], Mapping[str, str]]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("vector", "offset", "scale") if name in file}
        return arrays, {name: str(file[name]) for name in ("layers", "activation")}
