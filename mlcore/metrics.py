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
_KEPT_UNITS = 1 << 18  # activations of a batch: 1 MB of float32


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model makes of some rows.

    Attributes:
        error: share of rows whose most likely class is not theirs; ties go to the lowest class.
        loss: mean cross-entropy.
        n_classes: classes that the model tells apart.
        classes: of each row, shape (rows,).
        answers: the most likely class of each row, shape (rows,).
    """

    error: float
    loss: float
    n_classes: int
    classes: IntArray
    answers: IntArray

    @property
    def confusion(self) -> IntArray:
        """Rows of class i answered with class j, shape (classes, classes).

        Shape (0, 0) above 1,024 classes, where nobody could read it.
        """
        if self.n_classes > _MOST_CONFUSION_CLASSES:
            return np.zeros((0, 0), np.int64)
        pairs = self.classes * self.n_classes + self.answers
        return np.bincount(pairs, minlength=self.n_classes**2).reshape(self.n_classes, self.n_classes)


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
    return Evaluator(x, y, layers, activation=activation, dtype=model.dtype.name, backend=backend).evaluate(model)


class Evaluator:
    """Evaluates one model after the other on the same rows: what does not depend on the model is done once."""

    def __init__(
        self,
        x: Array,
        y: IntArray,
        layers: Sequence[int],
        *,
        activation: str,
        dtype: str,
        backend: Backend | None = None,
    ) -> None:
        """Take inputs (rows, inputs) and classes (rows,), and the number type of the models.

        Raises:
            ValueError: the shapes do not fit, or a class is not one of the model's.
        """
        _check_data(x, y, layers)
        self.n_rows = len(x)
        self._x, self._y = x, y.astype(np.int64)
        self._layers = layers
        self._activation = activation
        # One pass over some rows is done before compiled loops would be loaded, which also take 80 MB.
        self._backend = backend or NumpyBackend()
        self._dtype = dtype
        self._n_batch_rows = min(len(x), _batch_rows(layers, np.dtype(dtype).itemsize))
        # Of whole batches, if they are small enough to be kept.
        self._buffers: ForwardBuffers | None = None
        self._source: FloatArray | None = None

    def evaluate(self, model: FloatArray) -> Evaluation:
        """Evaluate a flat vector; raises ValueError if its shape does not fit the layers."""
        if model.shape != (n_weights(self._layers),):
            raise ValueError(f"model must have {n_weights(self._layers)} weights for layers {tuple(self._layers)}")
        weights = layer_views(self._backend.from_host(model), self._layers)
        answers = np.empty(self.n_rows, np.int64)
        loss = 0.0
        with np.errstate(all="ignore"):  # a diverged model has loss NaN, which says enough
            for start in range(0, self.n_rows, self._n_batch_rows):
                rows = slice(start, start + self._n_batch_rows)
                logits = self._logits(weights, self._x[rows])
                logits.argmax(axis=0, out=answers[rows])
                loss += _summed_loss(logits, self._y[rows])
        n_wrong = np.count_nonzero(answers != self._y)
        return Evaluation(n_wrong / self.n_rows, loss / self.n_rows, self._layers[-1], self._y, answers)

    def _logits(self, weights: Sequence[FloatArray], x: Array) -> FloatArray:
        """Return the logits (classes, rows) of `x` (rows, inputs), both on the host."""
        source = self._source_of(x)
        return self._backend.to_host(self._buffers_for(len(x)).forward(weights, source, self._activation))

    def _source_of(self, x: Array) -> FloatArray:
        """Return `x` (rows, inputs) on the device as (inputs + 1, rows) whose last row is ones."""
        if self._source is not None:
            return self._source
        by_feature = np.ones((self._layers[0] + 1, len(x)), self._dtype)
        by_feature[:-1] = x.T
        source = self._backend.from_host(by_feature)
        if self._is_kept(len(x)) and len(x) == self.n_rows:
            self._source = source
        return source

    def _buffers_for(self, n_rows: int) -> ForwardBuffers:
        if self._buffers is not None and n_rows == self._n_batch_rows:
            return self._buffers
        buffers = ForwardBuffers(self._backend, self._layers, n_rows, self._dtype)
        if self._is_kept(n_rows):
            self._buffers = buffers
        return buffers

    def _is_kept(self, n_rows: int) -> bool:
        return n_rows == self._n_batch_rows and n_rows * sum(self._layers) <= _KEPT_UNITS


def _batch_rows(layers: Sequence[int], itemsize: int) -> int:
    """Return how many rows to compute at once so that their activations take about 32 MB."""
    return max(1, min(_MOST_BATCH_ROWS, _BATCH_BYTES // (itemsize * (sum(layers) + len(layers)))))


def _summed_loss(logits: FloatArray, y: IntArray) -> float:
    """Return the summed cross-entropy; the logits are used up."""
    # Ufuncs' own reductions: on few rows the methods of arrays cost more than the arithmetic.
    logits -= np.maximum.reduce(logits, axis=0)
    own = logits[y, np.arange(len(y))]
    np.exp(logits, out=logits)
    each = np.log(np.add.reduce(logits, axis=0)) - own
    return float(np.add.reduce(each, dtype=np.float64))


def _check_data(x: Array, y: IntArray, layers: Sequence[int]) -> None:
    if x.ndim != 2 or not len(x) or x.shape[1] != layers[0] or y.shape != (len(x),):
        raise ValueError(
            f"x must have shape (rows, {layers[0]}) with rows >= 1 and y (rows,), not {x.shape} and {y.shape}"
        )
    if y.min() < 0 or y.max() >= layers[-1]:
        raise ValueError(f"y must hold classes 0..{layers[-1] - 1}, not {y.min()}..{y.max()}")
