"""One training task: a shard, a global model and settings in, a delta out, and nothing else touched."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np

from mlcore.finite import all_finite
from mlcore.kernels.backend import Array, Backend, FloatArray, IntArray
from mlcore.kernels.select import get_backend
from mlcore.mlp import n_weights
from mlcore.optimizers import make_optimizer, n_states
from mlcore.proximal import add_proximal_gradient
from mlcore.schedules import eta_factor
from mlcore.settings import TrainSettings
from mlcore.workspace import Shape, workspace_for

__all__ = ["ShardResult", "TrainSettings", "train_shard"]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a task gives back.

    Attributes:
        delta: new minus old weights, shape (n_weights,), in the dtype of the settings.
        loss: cross-entropy of the last epoch summed over its rows, each taken before its own step.
        epochs_run: fewer than asked when `gd` stopped early.
    """

    delta: FloatArray
    loss: float
    epochs_run: int


def train_shard(
    model: FloatArray,
    x: Array,
    y: IntArray,
    settings: TrainSettings,
    *,
    round_number: int,
    shard: int,
    backend: Backend | None = None,
    before_step: Callable[[], None] | None = None,
) -> ShardResult:
    """Train a copy of the global model on one shard; the same arguments give the same bits.

    Args:
        model: global weights, shape (n_weights,); not modified.
        x: inputs, shape (rows, inputs), rows >= 1; where it and `y` are read-only, a device keeps its copies.
        y: class of each row, 0 to classes - 1, shape (rows,).
        round_number: from 1; places the task's steps in the schedule of the whole run.
        shard: index of the shard, from 0; with seed and round it fixes the order of the rows.
        backend: what computes; the CPU's best when None.
        before_step: called before every step; what it raises ends the task.

    Raises:
        ValueError: an argument makes no sense.
        FloatingPointError: a weight or the loss left the finite range.
    """
    settings.check()
    _check_arguments(model, x, y, settings)
    _check_place(round_number, shard, settings)
    backend = backend or get_backend()
    task = _Task(backend, settings, len(x), round_number=round_number, shard=shard)
    task.before_step = before_step
    task.space.load(model, x, y)
    with np.errstate(all="ignore"):  # divergence is found in the loss and told once, below
        loss, epochs_run = task.run()
        delta = np.subtract(backend.to_host(task.space.weights), model)
    if not all_finite(delta):
        raise _divergence(epochs_run, settings)
    return ShardResult(delta, loss, epochs_run)


class _Task:
    """The state of one call of `train_shard`."""

    def __init__(
        self, backend: Backend, settings: TrainSettings, n_rows: int, *, round_number: int, shard: int
    ) -> None:
        shape = Shape(
            settings.layers,
            n_rows,
            settings.rows_per_batch(n_rows),
            n_states(settings),
            settings.dtype,
            is_proximal=settings.prox_mu > 0,
        )
        self.space = workspace_for(backend, shape)
        self.before_step: Callable[[], None] | None = None
        self._backend = backend
        self._settings = settings
        self._optimizer = make_optimizer(self.space, backend, settings)
        self._rng = np.random.default_rng([settings.seed, round_number, shard])
        self._step = (round_number - 1) * settings.epochs * shape.n_batches
        self._total_steps = settings.rounds * settings.epochs * shape.n_batches

    def run(self) -> tuple[float, int]:
        """Train all epochs; return the last one's summed loss and their number."""
        previous: float | None = None
        loss = 0.0
        epoch = 0
        for epoch in range(1, self._settings.epochs + 1):
            loss = self._run_epoch()
            if not isfinite(loss):
                raise _divergence(epoch, self._settings)
            if self._is_settled(previous, loss):
                break
            previous = loss
        return loss, epoch

    def _is_settled(self, previous: float | None, loss: float) -> bool:
        if self._settings.optimizer != "gd" or previous is None:
            return False
        return abs(loss - previous) <= self._settings.tolerance

    def _run_epoch(self) -> float:
        loss = self.space.parameters.loss
        loss[...] = 0.0
        self.space.shuffle(self._rng)
        for index in range(self.space.shape.n_batches):
            self._run_batch(index)
        return float(self._backend.to_host(loss)[0])

    def _run_batch(self, index: int) -> None:
        if self.before_step is not None:
            self.before_step()
        settings = self._settings
        buffers, n_rows = self.space.batch(index)
        eta = settings.eta * eta_factor(settings.eta_schedule, self._step, self._total_steps)
        buffers.gradient(
            self.space.parameters,
            activation=settings.activation,
            smoothing=settings.label_smoothing,
            scale=self._optimizer.scale(eta, n_rows),
            keep=self._optimizer.keep,
        )
        if settings.prox_mu:
            # Counts once in the loss of a batch, however many rows that is the sum or mean of.
            add_proximal_gradient(self.space, settings.prox_mu * self._optimizer.scale(eta, 1))
        self._optimizer.step(eta)
        self._step += 1


def _check_arguments(model: FloatArray, x: Array, y: IntArray, settings: TrainSettings) -> None:
    size = n_weights(settings.layers)
    if model.shape != (size,) or model.dtype != settings.dtype:
        raise ValueError(
            f"model must be {size} weights of {settings.dtype} for layers {settings.layers}, "
            f"not {model.dtype} of shape {model.shape}"
        )
    if x.ndim != 2 or not len(x) or x.shape[1] != settings.layers[0]:
        raise ValueError(f"x must have shape (rows, {settings.layers[0]}) with rows >= 1, not {x.shape}")
    if y.shape != (len(x),):
        raise ValueError(f"y must have shape ({len(x)},), one class per row of x, not {y.shape}")
    if y.min() < 0 or y.max() >= settings.layers[-1]:
        raise ValueError(
            f"y must hold classes 0..{settings.layers[-1] - 1}, not {y.min()}..{y.max()}; "
            "widen the last layer or correct the labels"
        )


def _check_place(round_number: int, shard: int, settings: TrainSettings) -> None:
    if not 1 <= round_number <= settings.rounds:
        raise ValueError(f"round_number must be 1..{settings.rounds}, not {round_number}")
    if shard < 0:
        raise ValueError(f"shard must be 0 or more, not {shard}")


def _divergence(epoch: int, settings: TrainSettings) -> FloatingPointError:
    return FloatingPointError(
        f"training left the finite range in epoch {epoch} at eta {settings.eta}; a smaller eta helps"
    )
