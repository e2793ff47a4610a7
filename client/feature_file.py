"""A file of rows to predict: the text that is trained on, with or without the label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mlcore.rows import DataError, parse_rows
from rpc.errors import BadData


def read_rows(path: Path, n_inputs: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return features (rows, n_inputs) and, where the rows have one column more, their labels (rows,).

    Raises:
        BadData: the file is not there, or holds no such rows; says which line is wrong.
    """
    try:
        text = path.read_bytes()
        n_columns = text.split(b"\n", 1)[0].count(b",") + 1
        if n_columns not in (n_inputs, n_inputs + 1):
            raise DataError(
                f"{path}:1: {n_columns} columns, but the model takes {n_inputs} features, and a label if there is one"
            )
        labelled = n_columns > n_inputs
        rows = parse_rows(text, name=str(path), labelled=labelled)
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}") from error
    except DataError as error:
        raise BadData(str(error)) from error
    return rows.x, rows.y if labelled else None
