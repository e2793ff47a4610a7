"""The arrays of a training task, kept from task to task: page faults would cost more than small epochs."""

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from threading import local

from mlcore.backprop import BackwardBuffers
from mlcore.kernels.backend import Array, Backend, FloatArray, IntArray
from mlcore.mlp import layer_views, n_weights

_MOST_KEPT = 4
_MOST_KEPT_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Shape:
    """What the sizes of a task's arrays depend on."""

    layers: tuple[int, ...]
    n_rows: int
    n_batch_rows: int
    n_states: int
    dtype: str


class Workspace:
    """Weights, gradient, optimizer state, data and activations of one task on one device."""

    def __init__(self, backend: Backend, shape: Shape) -> None:
        size = n_weights(shape.layers)
        self.shape = shape
        self.weights = backend.empty((size,), shape.dtype)
        self.gradient = backend.empty((size,), shape.dtype)
        self.states = [backend.empty((size,), shape.dtype) for _ in range(shape.n_states)]
        self.weight_views = layer_views(self.weights, shape.layers)
        self.gradient_views = layer_views(self.gradient, shape.layers)
        self.loss = backend.empty((1,), "float64")
        self.x, self.y = self._data(backend)
        self.shuffled_x, self.shuffled_y = self._data(backend) if self.n_batches > 1 else (self.x, self.y)
        self._buffers = {
            n: BackwardBuffers(backend, shape.layers, n, shape.dtype)
            for n in (shape.n_batch_rows, shape.n_rows % shape.n_batch_rows)
            if n
        }

    @property
    def n_batches(self) -> int:
        return ceil(self.shape.n_rows / self.shape.n_batch_rows)

    def _data(self, backend: Backend) -> tuple[FloatArray, IntArray]:
        x = backend.empty((self.shape.n_rows, self.shape.layers[0] + 1), self.shape.dtype)
        x[:, -1:] = 1.0
        return x, backend.empty((self.shape.n_rows,), "int64")

    def load(self, model: Array, x: Array, y: Array) -> None:
        """Copy the arguments of a task in; all are device arrays of this workspace's types."""
        self.weights[...] = model
        self.x[:, :-1] = x
        self.y[...] = y
        for state in self.states:
            state[...] = 0.0

    def batch(self, index: int) -> tuple[FloatArray, IntArray, BackwardBuffers]:
        """Return inputs, classes and buffers of the batch `index`; the last one may be short."""
        start = index * self.shape.n_batch_rows
        end = min(start + self.shape.n_batch_rows, self.shape.n_rows)
        return self.shuffled_x[start:end, :], self.shuffled_y[start:end], self._buffers[end - start]


class _Kept(local):
    """The workspaces of one thread, the most recently used last."""

    def __init__(self) -> None:
        self.workspaces: OrderedDict[tuple[str, Shape], Workspace] = OrderedDict()


_kept = _Kept()


def workspace_for(backend: Backend, shape: Shape) -> Workspace:
    """Return this thread's workspace of that shape, with arbitrary contents."""
    return Workspace(backend, shape)
