"""How good a model is on data: share of wrong answers, mean loss, confusion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcore.backprop import ForwardBuffers
from mlcore.kernels.backend import Array, Backend, FloatArray, IntArray
from mlcore.kernels.numpy_backend import NumpyBackend
from mlcore.mlp import layer_views, n_weights

_BATCH_BYTES = 32 * 2**20  # half of the 64 MB an evaluation may use; the rest is copies at the edges
_MOST_BATCH_ROWS = 2048
_MOST_CONFUSION_CLASSES = 1024


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model makes of some rows.

    Attributes:
        error: share of rows whose most likely class is not theirs; ties go to the lowest class.
        loss: mean cross-entropy.
        confusion: rows of class i answered with class j, shape (classes, classes); shape (0, 0) above
            1,024 classes, where nobody could read it.
    """

    error: float
    loss: float
    confusion: IntArray


def evaluate(
    model: FloatArray,
    x: Array,
    y: IntArray,
    layers: Sequence[int],
    *,
    activation: str,
    backend: Backend | None = None,
) -> Evaluation:
    """Evaluate the flat vector `model` on inputs (rows, inputs) and classes (rows,), batch by batch.

    Needs about 64 MB besides the model and the data, however wide the layers are.

    Raises:
        ValueError: the shapes do not fit, or a class is not one of the model's.
    """
    _check_arguments(model, x, y, layers)
    y = y.astype(np.int64)
    # One pass over some rows is done before compiled loops would be loaded, which also take 80 MB.
    backend = backend or NumpyBackend()
    network = _Network(backend, model, layers, activation)
    n_batch_rows = min(len(x), _batch_rows(layers, model.dtype.itemsize))
    answers = np.empty(len(x), np.int64)
    loss = 0.0
    with np.errstate(all="ignore"):  # a diverged model has loss NaN, which says enough
        for start in range(0, len(x), n_batch_rows):
            rows = slice(start, start + n_batch_rows)
            logits = network.logits(x[rows])
            answers[rows] = logits.argmax(axis=0)
            loss += _summed_loss(logits, y[rows])
    return Evaluation(float(np.mean(answers != y)), loss / len(x), _confusion(y, answers, layers[-1]))


def _batch_rows(layers: Sequence[int], itemsize: int) -> int:
    """Return how many rows to compute at once so that their activations take about 32 MB."""
    return max(1, min(_MOST_BATCH_ROWS, _BATCH_BYTES // (itemsize * (sum(layers) + len(layers)))))


class _Network:
    """A model brought to the backend, ready to answer."""

    def __init__(self, backend: Backend, model: FloatArray, layers: Sequence[int], activation: str) -> None:
        self._backend = backend
        self._layers = layers
        self._activation = activation
        self._dtype = model.dtype.name
        self._weights = layer_views(backend.from_host(model), layers)

    def logits(self, x: Array) -> FloatArray:
        """Return the logits (classes, rows) of `x` (rows, inputs), both on the host."""
        by_feature = np.ones((self._layers[0] + 1, len(x)), self._dtype)
        by_feature[:-1] = x.T
        buffers = ForwardBuffers(self._backend, self._layers, len(x), self._dtype)
        source = self._backend.from_host(by_feature)
        return self._backend.to_host(buffers.forward(self._weights, source, self._activation))


def _confusion(y: IntArray, answers: IntArray, n_classes: int) -> IntArray:
    if n_classes > _MOST_CONFUSION_CLASSES:
        return np.zeros((0, 0), np.int64)
    return np.bincount(y * n_classes + answers, minlength=n_classes**2).reshape(n_classes, n_classes)


def _summed_loss(logits: FloatArray, y: IntArray) -> float:
    """Return the summed cross-entropy; the logits are used up."""
    logits -= logits.max(axis=0)
    own = logits[y, np.arange(len(y))]
    np.exp(logits, out=logits)
    return float((np.log(logits.sum(axis=0)) - own).sum(dtype=np.float64))


def _check_arguments(model: FloatArray, x: Array, y: IntArray, layers: Sequence[int]) -> None:
    if model.shape != (n_weights(layers),):
        raise ValueError(f"model must have {n_weights(layers)} weights for layers {tuple(layers)}")
    if x.ndim != 2 or not len(x) or x.shape[1] != layers[0] or y.shape != (len(x),):
        raise ValueError(
            f"x must have shape (rows, {layers[0]}) with rows >= 1 and y (rows,), not {x.shape} and {y.shape}"
        )
    if y.min() < 0 or y.max() >= layers[-1]:
        raise ValueError(f"y must hold classes 0..{layers[-1] - 1}, not {y.min()}..{y.max()}")
