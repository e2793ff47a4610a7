"""What a training task is told besides the model and the data, and which values make sense."""

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from mlcore.schedules import SCHEDULES

ACTIVATIONS = ("relu", "tanh")
OPTIMIZERS = ("gd", "sgd", "adam")
DTYPES = ("float32", "float64")
MAX_WEIGHTS = 2**30  # 4 GiB of float32

_DEFAULT_BATCH_ROWS = 128


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Hyperparameters of a run; the defaults are those of the classic command.

    Attributes:
        layers: units per layer, inputs first, classes last; (16, 24, 26) has one hidden layer.
        rounds: rounds of the whole run, which the schedules span.
        epochs: passes over the shard in one task.
        eta: learning rate: per row for `gd`, which sums, and per batch for the others, which average.
        batch_size: rows per step; 0 is the whole shard for `gd` and 128 otherwise.
        momentum: used by `sgd` only.
        weight_decay: decoupled (Loshchilov and Hutter 2019), not on biases; for `sgd` and `adam`.
        label_smoothing: share of the target spread evenly over all classes, from 0 to below 1.
        tolerance: `gd` stops after an epoch whose summed loss changed by this or less.
        seed: of the run; with round and shard it fixes the order of the rows.
        prox_mu: adds prox_mu / 2 |w - w_global|^2 to the loss of a step, summed for `gd` and mean for the others.
    """

    layers: tuple[int, ...]
    activation: str = "relu"
    optimizer: str = "gd"
    rounds: int = 1
    epochs: int = 1
    eta: float = 0.0001
    eta_schedule: str = "constant"
    batch_size: int = 0
    momentum: float = 0.9
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    tolerance: float = 0.2
    dtype: str = "float32"
    seed: int = 1
    prox_mu: float = 0.0

    def check(self) -> None:
        """Raise ValueError, naming the field and what it may be, if a value makes no sense."""
        self._check_layers()
        _check_choice("activation", self.activation, ACTIVATIONS)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_choice("eta_schedule", self.eta_schedule, SCHEDULES)
        _check_choice("dtype", self.dtype, DTYPES)
        _check_at_least("rounds", self.rounds, 1)
        _check_at_least("epochs", self.epochs, 1)
        _check_at_least("batch_size", self.batch_size, 0)
        _check_at_least("seed", self.seed, 0)
        if not (isfinite(self.eta) and self.eta > 0):
            raise ValueError(f"eta must be a finite number above 0, not {self.eta}")
        _check_share("momentum", self.momentum)
        _check_share("label_smoothing", self.label_smoothing)
        for name in ("weight_decay", "tolerance", "prox_mu"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a finite number, 0 or more, not {value}")
        if self.optimizer == "gd":
            self._check_full_batch()

    def rows_per_batch(self, n_rows: int) -> int:
        """Return the rows of one step on a shard of `n_rows`; the last step of an epoch may have fewer."""
        if self.optimizer == "gd":
            return n_rows
        return min(n_rows, self.batch_size or _DEFAULT_BATCH_ROWS)

    def _check_layers(self) -> None:
        if len(self.layers) < 2:
            raise ValueError(f"layers must hold at least inputs and classes, not {self.layers}")
        for units in self.layers:
            _check_at_least("layers: every width", units, 1)
        size = sum((below + 1) * above for below, above in pairwise(self.layers))
        if size > MAX_WEIGHTS:
            raise ValueError(f"layers {self.layers} make {size} weights; the most is {MAX_WEIGHTS}")

    def _check_full_batch(self) -> None:
        if self.batch_size:
            raise ValueError(f"batch_size must be 0 for gd, which takes whole shards, not {self.batch_size}")
        if self.weight_decay:
            raise ValueError(f"weight_decay needs optimizer sgd or adam, and is {self.weight_decay} with gd")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be {least} or more, not {value}")


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be from 0 to below 1, not {value}")
