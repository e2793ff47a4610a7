"""The arrays of a training task, kept from task to task: page faults would cost more than small epochs."""

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from threading import local

import numpy as np

from mlcore.backprop import BackwardBuffers, Parameters
from mlcore.kernels.backend import Array, Backend
from mlcore.mlp import layer_views, n_weights

_MOST_KEPT_BYTES = 256 * 2**20  # per thread; larger workspaces are made anew for each task


@dataclass(frozen=True, slots=True)
class Shape:
    """What the sizes of a task's arrays depend on.

    Attributes:
        n_states: vectors of the model's size that the optimizer keeps.
        is_proximal: whether the weights are held near those that the task started from.
    """

    layers: tuple[int, ...]
    n_rows: int
    n_batch_rows: int
    n_states: int
    dtype: str
    is_proximal: bool = False

    @property
    def n_batches(self) -> int:
        """Steps per epoch; the last may be short."""
        return ceil(self.n_rows / self.n_batch_rows)

    @property
    def n_bytes(self) -> int:
        """Bytes of a workspace, near enough to bound what is kept."""
        n_vectors = n_weights(self.layers) * (2 + self.n_states + 2 * self.is_proximal)
        n_activations = 2 * 2 * self.n_batch_rows * sum(self.layers)
        return np.dtype(self.dtype).itemsize * (n_vectors + n_activations)


class Workspace:
    """Weights, gradient, optimizer state, batches and activations of one task on one device."""

    def __init__(self, backend: Backend, shape: Shape) -> None:
        size = n_weights(shape.layers)
        self.shape = shape
        self._backend = backend
        self.weights = backend.empty((size,), shape.dtype)
        self.gradient = backend.empty((size,), shape.dtype)
        self.states = [backend.empty((size,), shape.dtype) for _ in range(shape.n_states)]
        self.start, self.pull = (backend.empty((size if shape.is_proximal else 0,), shape.dtype) for _ in range(2))
        self.parameters = Parameters(
            layer_views(self.weights, shape.layers),
            layer_views(self.gradient, shape.layers),
            backend.empty((1,), "float64"),
        )
        sizes = {shape.n_batch_rows, shape.n_rows % shape.n_batch_rows} - {0}
        self._buffers = {n: BackwardBuffers(backend, shape.layers, n, shape.dtype) for n in sizes}

    def load(self, model: Array, x: Array, y: Array) -> None:
        """Take in the arguments of a task, host arrays, so that nothing of an earlier task is left."""
        self.weights[...] = self._backend.from_host(model)
        if self.shape.is_proximal:
            self.start[...] = self.weights
        self._x = self._backend.hold(np.ascontiguousarray(x, self.shape.dtype))
        self._y = self._backend.hold(np.ascontiguousarray(y, np.int64))
        for state in self.states:
            state[...] = 0.0
        if self.shape.n_batches == 1:
            order = self._backend.from_host(np.arange(self.shape.n_rows))
            self._buffers[self.shape.n_rows].load(self._x, self._y, order)

    def shuffle(self, rng: np.random.Generator) -> None:
        """Put the rows of the coming epoch in a new order; one batch with all rows needs none."""
        if self.shape.n_batches > 1:
            self._order = self._backend.from_host(rng.permutation(self.shape.n_rows))

    def batch(self, index: int) -> tuple[BackwardBuffers, int]:
        """Return buffers loaded with the batch `index`, and its number of rows."""
        if self.shape.n_batches == 1:
            return self._buffers[self.shape.n_rows], self.shape.n_rows
        start = index * self.shape.n_batch_rows
        end = min(start + self.shape.n_batch_rows, self.shape.n_rows)
        buffers = self._buffers[end - start]
        buffers.load(self._x, self._y, self._order[start:end])
        return buffers, end - start


class _Kept(local):
    """The workspaces of one thread, the most recently used last."""

    def __init__(self) -> None:
        self.workspaces: OrderedDict[tuple[str, Shape], Workspace] = OrderedDict()


_kept = _Kept()


def workspace_for(backend: Backend, shape: Shape) -> Workspace:
    """Return this thread's workspace of that shape; whatever it held is overwritten by `load`."""
    if shape.n_bytes > _MOST_KEPT_BYTES:
        return Workspace(backend, shape)
    kept = _kept.workspaces
    key = (backend.name, shape)
    space = kept.pop(key, None) or Workspace(backend, shape)
    kept[key] = space
    while sum(other.shape.n_bytes for other in kept.values()) > _MOST_KEPT_BYTES:
        kept.popitem(last=False)
    return space


def release_workspaces() -> None:
    """Let go of all workspaces of this thread; later tasks make theirs anew."""
    _kept.workspaces.clear()
