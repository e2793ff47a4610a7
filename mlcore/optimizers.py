"""The three optimizers: what factor a batch's gradient gets, and how a step moves the weights."""

from typing import Protocol

from mlcore.kernels.backend import Backend
from mlcore.mlp import n_weights
from mlcore.settings import TrainSettings
from mlcore.workspace import Workspace

_LARGE = 2**18  # weights: vectors of so many are beyond the cache, where one fewer makes steps 5 % shorter


class Optimizer(Protocol):
    """Steps on the weights of one workspace; its state starts anew with each task."""

    def scale(self, eta: float, n_rows: int) -> float:
        """Return the factor on the gradient of the loss summed over a batch of `n_rows`."""
        ...

    @property
    def keep(self) -> float:
        """The share of the workspace's gradient that is to stay under the next batch's."""
        ...

    def step(self, eta: float) -> None:
        """Move the weights by the workspace's gradient."""
        ...


class GradientDescent:
    """The classic rule: eta times the gradient *summed* over the whole shard."""

    keep = 0.0

    def __init__(self, space: Workspace, backend: Backend) -> None:
        self._space = space
        self._backend = backend

    def scale(self, eta: float, n_rows: int) -> float:
        return eta

    def step(self, eta: float) -> None:
        self._backend.subtract(self._space.weights, self._space.gradient)


class Momentum:
    """Stochastic gradient descent with momentum and decoupled decay; eta is inside the velocity.

    Of a large model the gradient's vector is the velocity: a batch's gradient comes to it as it is computed.
    """

    def __init__(self, space: Workspace, backend: Backend, settings: TrainSettings) -> None:
        self.keep = 0.0  # of what an earlier task has left
        self._space = space
        self._backend = backend
        self._settings = settings

    def scale(self, eta: float, n_rows: int) -> float:
        return eta / n_rows

    def step(self, eta: float) -> None:
        space, momentum = self._space, self._settings.momentum
        _decay(space, eta * self._settings.weight_decay)
        if space.states:
            self._backend.momentum_step(space.weights, space.gradient, space.states[0], momentum=momentum)
        else:
            self._backend.subtract(space.weights, space.gradient)
            self.keep = momentum


class Adam:
    """Adam with decoupled decay (Loshchilov and Hutter 2019, algorithm 2); a step uses the gradient up."""

    keep = 0.0

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
        return GradientDescent(space, backend)
    kind = Momentum if settings.optimizer == "sgd" else Adam
    return kind(space, backend, settings)


def n_states(settings: TrainSettings) -> int:
    """Return how many vectors of the model's size the optimizer keeps besides weights and gradient."""
    if settings.optimizer == "sgd":
        return int(n_weights(settings.layers) < _LARGE)
    return {"gd": 0, "adam": 2}[settings.optimizer]


def _decay(space: Workspace, amount: float) -> None:
    """Shrink all weights but the biases by the share `amount`."""
    if amount:
        for view in space.parameters.weights:
            without_bias = view[:, :-1]
            without_bias *= 1.0 - amount
