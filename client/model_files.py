"""The file formats of a model: safetensors and NumPy's .npz, which hold the same arrays and texts, and ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from rpc.errors import BadData, BadRequest

Arrays = Mapping[str, NDArray[Any]]
Texts = Mapping[str, str]

READABLE = (".safetensors", ".npz")
FORMATS = (*READABLE, ".onnx")  # ONNX is for other programs: it lacks the flat vector
_NEEDED_TEXTS = ("layers", "activation")
_ARRAYS = ("vector", "offset", "scale")  # what a model is made of; the layers repeat it for other readers


def check_model_path(path: Path) -> None:
    """Raise BadRequest unless the name says in which format the model is kept."""
    if path.suffix not in FORMATS:
        raise BadRequest(f"{path}: a model is kept as .safetensors, .npz or .onnx; give the file such a name")


def write_model_file(path: Path, arrays: Arrays, about: Texts) -> None:
    """Write arrays and texts as .safetensors or .npz, whichever the suffix of `path` names."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    if path.suffix == ".safetensors":
        save_file(contiguous, path, metadata=dict(about))
    else:
        texts: dict[str, Any] = {name: np.array(text) for name, text in about.items()}
        np.savez(path, **(texts | contiguous))


def read_model_file(path: Path) -> tuple[Arrays, Texts]:
    """Return the arrays that make the model, and the texts about it.

    Raises:
        BadRequest: the suffix names no format that is read.
        BadData: the file is not there, or is no model of ours.
    """
    if path.suffix not in READABLE:
        raise BadRequest(f"{path}: a model is read from a .safetensors or .npz file")
    try:
        arrays, about = _read_safetensors(path) if path.suffix == ".safetensors" else _read_npz(path)
    except (OSError, EOFError, ValueError, BadZipFile, SafetensorError) as error:
        raise BadData(f"{path}: cannot be read: {error}") from error
    missing = [name for name in _NEEDED_TEXTS if name not in about]
    if missing or "vector" not in arrays:
        raise BadData(f"{path}: was not written by Roundhouse; it lacks {', '.join(missing or ['vector'])}")
    return arrays, about


def _read_safetensors(path: Path) -> tuple[Arrays, Texts]:
    with safe_open(path, framework="numpy") as file:
        names = set(file.keys()) & set(_ARRAYS)
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


def _read_npz(path: Path) -> tuple[Arrays, Texts]:
    opened = np.load(path, allow_pickle=False)
    if not isinstance(opened, NpzFile):
        raise ValueError("it holds one array and no .npz archive")
    with opened as file:
        arrays = {name: file[name] for name in _ARRAYS if name in file}
        return arrays, {name: str(file[name]) for name in _NEEDED_TEXTS if name in file}
