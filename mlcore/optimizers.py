"""The three optimizers: what factor a batch's gradient gets, and how a step moves the weights."""

from typing import Protocol

from mlcore.kernels.backend import Backend
from mlcore.settings import TrainSettings
from mlcore.workspace import Workspace

STATES = {"gd": 0, "sgd": 1, "adam": 2}  # vectors of the model's size that each optimizer keeps


class Optimizer(Protocol):
    """Steps on the weights of one workspace; its state starts anew with each task."""

    def scale(self, eta: float, n_rows: int) -> float:
        """Return the factor on the gradient of the loss summed over a batch of `n_rows`."""
        ...

    def step(self, eta: float) -> None:
        """Move the weights by the workspace's gradient; the gradient's contents are lost."""
        ...


class GradientDescent:
    """The classic rule: eta times the gradient *summed* over the whole shard."""

    def __init__(self, space: Workspace) -> None:
        self._space = space

    def scale(self, eta: float, n_rows: int) -> float:
        return eta

    def step(self, eta: float) -> None:
        self._space.weights -= self._space.gradient


class Momentum:
    """Stochastic gradient descent with momentum and decoupled decay; eta is inside the velocity."""

    def __init__(self, space: Workspace, backend: Backend, settings: TrainSettings) -> None:
        self._space = space
        self._backend = backend
        self._settings = settings

    def scale(self, eta: float, n_rows: int) -> float:
        return eta / n_rows

    def step(self, eta: float) -> None:
        space = self._space
        _decay(space, eta * self._settings.weight_decay)
        self._backend.momentum_step(space.weights, space.gradient, space.states[0], momentum=self._settings.momentum)


class Adam:
    """Adam with decoupled decay (Loshchilov and Hutter 2019, algorithm 2)."""

    def __init__(self, space: Workspace, backend: Backend, settings: TrainSettings) -> None:
        self._space = space
        self._backend = backend
        self._settings = settings
        self._n_steps = 0

    def scale(self, eta: float, n_rows: int) -> float:
        return 1.0 / n_rows

    def step(self, eta: float) -> None:
        space = self._space
        self._n_steps += 1
        _decay(space, eta * self._settings.weight_decay)
        first, second = space.states
        self._backend.adam_step(space.weights, space.gradient, first, second, eta=eta, step=self._n_steps)


def make_optimizer(space: Workspace, backend: Backend, settings: TrainSettings) -> Optimizer:
    """Return the optimizer that the settings name."""
    if settings.optimizer == "gd":
        return GradientDescent(space)
    kind = Momentum if settings.optimizer == "sgd" else Adam
    return kind(space, backend, settings)


def _decay(space: Workspace, amount: float) -> None:
    """Shrink all weights but the biases by the share `amount`."""
    if amount:
        for view in space.parameters.weights:
            without_bias = view[:, :-1]
            without_bias *= 1.0 - amount
