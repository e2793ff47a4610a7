"""Which classes a model takes for which, on the validation set of its run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from client.models import Model
from client.runs import Run
from client.stored import Which
from mlcore.rows import DataError, parse_rows
from rpc.errors import BadData, BadRequest

_MOST_CLASSES = 1000  # a matrix of more says nothing to anybody


def confusion_of(run: Run, of: Which | None = None) -> tuple[Model, NDArray[np.int64]]:
    """Return the model of a run, or of a stored round, and how often each class (row) was taken for which (column).

    Raises:
        BadRequest: as `Run.model`, or it has more than 1000 classes.
        BadData: the validation set is not what it was.
    """
    model = run.model(of)
    n_classes = model.widths[-1]
    if n_classes > _MOST_CLASSES:
        raise BadRequest(f"{run.id} has {n_classes:,} classes; a matrix of more than {_MOST_CLASSES:,} is not made")
    file = run.spec().validation
    try:
        rows = parse_rows(bytes(run.file(file)), name=file.file, labelled=True)
    except DataError as error:
        raise BadData(str(error)) from error
    pairs = rows.y * n_classes + model.predict(rows.x)
    return model, np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
