"""What the values of a run may be: checked by the client before it sends data, again by the coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, get_args, get_origin, get_type_hints

from mlcore.aggregation import Aggregation
from mlcore.mlp import INITS
from mlcore.participation import n_participants
from mlcore.server_rules import SERVER_OPTIMIZERS
from mlcore.settings import TrainSettings
from rpc.errors import BadRequest
from rpc.messages import ADAPTIVE, RunSpec
from rpc.selectors import check_select

WEIGHTINGS = ("rows", "uniform")
MAX_NAME = 200  # characters
MAX_LABELS = 64
MAX_PRIORITY = 1_000
MAX_NODES = 1_000_000
MAX_FILE_NAME = 255  # characters; no usual file system has longer ones
MAX_SHARDS = 100_000
MAX_WIDTH = 10_000_000
MAX_HIDDEN_LAYERS = 64
MAX_ROUNDS = 20_000  # the history of a run is one message
MAX_EPOCHS = 1_000_000
MAX_CLASSES = 1_000_000
MAX_THREADS = 1_024
MAX_SEED = 2**63 - 1
MAX_SECONDS = 1e9  # 30 years

_TYPES = get_type_hints(RunSpec)
_WORDS = {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "a text"}


def check_run_spec(spec: RunSpec) -> None:
    """Return if a run with these values makes sense.

    Raises:
        BadRequest: names the first value that does not, and what it may be.
    """
    _check_types(spec)
    _check_names(spec)
    _check_shape(spec)
    _check_range("seed", spec.seed, 0, MAX_SEED)
    _check_range("threads", spec.threads, 1, MAX_THREADS)
    _check_range("patience", spec.patience, 0, MAX_ROUNDS)
    _check_range("keep_checkpoints", spec.keep_checkpoints, 1, MAX_ROUNDS)
    _check_range("parent_round", spec.parent_round, 0, MAX_ROUNDS if spec.parent else 0)
    _check_range("max_node_losses", spec.max_node_losses, 1, 1_000)
    _check_range("max_attempts", spec.max_attempts, 1, 1_000)
    _check_choice("init", spec.init, ("", *INITS))
    _check_choice("server_optimizer", spec.server_optimizer, SERVER_OPTIMIZERS)
    _check_choice("weighting", spec.weighting, WEIGHTINGS)
    for name in ("max_delta_norm", "server_eta"):
        _check_not_negative(name, getattr(spec, name))
    for name in ("max_time_s", "run_timeout_s"):
        _check_seconds(name, getattr(spec, name))
    if not 0 <= spec.target_error <= 1:
        raise BadRequest(f"target_error must be from 0 to 1, not {spec.target_error}")
    if not spec.run_timeout_s:
        raise BadRequest("run_timeout_s must be above 0 seconds")
    if not 0 < spec.fraction <= 1:
        raise BadRequest(f"fraction must be above 0 and at most 1, not {spec.fraction}")
    _check_range("min_shards", spec.min_shards, 1, MAX_SHARDS)
    if spec.round_deadline_s != ADAPTIVE:
        _check_seconds("round_deadline_s", spec.round_deadline_s)
    _check_queue(spec)
    _check_aggregation(spec)
    _check_training(spec)


def _check_queue(spec: RunSpec) -> None:
    _check_range("priority", spec.priority, -MAX_PRIORITY, MAX_PRIORITY)
    _check_range("min_nodes", spec.min_nodes, 1, MAX_NODES)
    _check_range("max_nodes (0: any)", spec.max_nodes, 0, MAX_NODES)
    if 0 < spec.max_nodes < spec.min_nodes:
        raise BadRequest(f"max_nodes must not be below min_nodes, as {spec.max_nodes} is below {spec.min_nodes}")
    if len(spec.select) > MAX_LABELS:
        raise BadRequest(f"select must name at most {MAX_LABELS} labels, not {len(spec.select)}")
    check_select(spec.select)
    for name, text in [
        ("owner", spec.owner),
        ("key", spec.key),
        ("parent", spec.parent),
        *(("select", each) for each in _texts(spec.select)),
    ]:
        if len(text) > MAX_NAME:
            raise BadRequest(f"{name} must have at most {MAX_NAME} characters, not {len(text)}")


def _texts(labels: Mapping[str, str]) -> tuple[str, ...]:
    return (*labels.keys(), *labels.values())


def _check_types(spec: RunSpec) -> None:
    """A caller in Python may have put anything into a field."""
    for name, wanted in _TYPES.items():
        value = getattr(spec, name)
        if get_origin(wanted) is tuple:
            if not isinstance(value, tuple):
                raise BadRequest(f"{name} must be a tuple, not {value!r}")
            for each in value:
                _check_type(name, each, get_args(wanted)[0])
        elif get_origin(wanted) is Mapping:
            if not isinstance(value, Mapping):
                raise BadRequest(f"{name} must be a mapping, not {value!r}")
            for each in _texts(value):
                _check_type(name, each, str)
        else:
            _check_type(name, value, wanted)


def _check_type(name: str, value: Any, wanted: type) -> None:
    kinds = (int, float) if wanted is float else (wanted,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and wanted is not bool):
        words = _WORDS.get(wanted.__name__, f"a {wanted.__name__}")
        raise BadRequest(f"{name} must be {words}, not {value!r} ({type(value).__name__})")


def _check_names(spec: RunSpec) -> None:
    if len(spec.name) > MAX_NAME:
        raise BadRequest(f"name must have at most {MAX_NAME} characters, not {len(spec.name)}")
    if len(spec.shards) > MAX_SHARDS:
        raise BadRequest(f"a run must have at most {MAX_SHARDS:,} shards, not {len(spec.shards):,}")
    for file in (*spec.shards, spec.validation):
        if len(file.file) > MAX_FILE_NAME:
            raise BadRequest(
                f"the name of a data file must have at most {MAX_FILE_NAME} characters, "
                f"but {file.file[:20]!r}... has {len(file.file)}"
            )


def _check_shape(spec: RunSpec) -> None:
    _check_range("rounds", spec.rounds, 1, MAX_ROUNDS)
    _check_range("epochs", spec.epochs, 1, MAX_EPOCHS)
    _check_range("k (classes; 0: as the labels say)", spec.classes, 0, MAX_CLASSES)
    if len(spec.hidden) > MAX_HIDDEN_LAYERS:
        raise BadRequest(f"hidden must name at most {MAX_HIDDEN_LAYERS} layers, not {len(spec.hidden)}")
    for width in spec.hidden:
        _check_range("h (units of a hidden layer)", width, 1, MAX_WIDTH)


def _check_aggregation(spec: RunSpec) -> None:
    _check_range("trim", spec.trim, 0, MAX_SHARDS)
    try:
        # The client asks before it knows the shards.
        n_shards = n_participants(len(spec.shards) or MAX_SHARDS, spec.fraction)
        if spec.round_deadline_s:
            n_shards = min(n_shards, spec.min_shards)  # no more may be in when the round closes
        Aggregation(spec.aggregation, spec.trim).check(n_shards)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _check_training(spec: RunSpec) -> None:
    """Check what the nodes are told; inputs and classes, not known before the survey, count as one each."""
    settings = TrainSettings(
        layers=(1, *spec.hidden, max(1, spec.classes)),
        activation=spec.activation,
        optimizer=spec.optimizer,
        rounds=spec.rounds,
        epochs=spec.epochs,
        eta=spec.eta,
        eta_schedule=spec.eta_schedule,
        batch_size=spec.batch_size,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        label_smoothing=spec.label_smoothing,
        tolerance=spec.tolerance,
        dtype=spec.dtype,
        seed=spec.seed,
        prox_mu=spec.prox_mu,
    )
    try:
        settings.check()
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise BadRequest(f"{name} must be from {least} to {most:,}, not {value}")


def _check_not_negative(name: str, value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise BadRequest(f"{name} must be a finite number, 0 or more, not {value}")


def _check_seconds(name: str, value: float) -> None:
    if not 0 <= value <= MAX_SECONDS:
        raise BadRequest(f"{name} must be from 0 to {MAX_SECONDS:,.0f} seconds, not {value}")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadRequest(f"{name} must be one of {', '.join(filter(None, choices))}, not {value!r}")
