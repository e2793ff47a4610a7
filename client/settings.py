"""The settings of a run: what a caller may say besides folder, rounds, epochs, hidden layers and eta."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import SupportsIndex, TypedDict, Unpack

from rpc.errors import BadRequest
from rpc.messages import DataFile, RunSpec
from rpc.run_spec import MAX_NAME, check_run_spec

_TO_COME = DataFile(file="", blob="", size=0)


class Settings(TypedDict, total=False):
    """The optional settings; meanings and defaults are those of the table in docs/training.md."""

    classes: int
    activation: str
    init: str
    optimizer: str
    batch_size: int
    momentum: float
    weight_decay: float
    label_smoothing: float
    eta_schedule: str
    standardize: bool
    server_optimizer: str
    weighting: str
    dtype: str
    seed: int
    threads: int
    tolerance: float
    max_delta_norm: float
    mixed_classes: bool
    patience: int
    target_error: float
    max_time_s: float
    run_timeout_s: float
    max_node_losses: int
    max_attempts: int
    owner: str
    priority: int
    min_nodes: int
    max_nodes: int
    select: Mapping[str, str]
    key: str
    fraction: float
    min_shards: int
    round_deadline_s: float
    server_eta: float
    aggregation: str
    trim: int
    prox_mu: float
    keep_checkpoints: int
    speculation: bool
    force_queue: bool


class Changes(Settings, total=False):
    """What a branch may do otherwise than the run that it goes on from."""

    rounds: int
    epochs: int
    eta: float


def make_spec(
    directory: Path,
    *,
    rounds: int,
    epochs: int,
    hidden: SupportsIndex | Sequence[SupportsIndex],
    eta: float,
    **settings: Unpack[Settings],
) -> RunSpec:
    """Return a checked specification, named after the folder, whose data files are still to be filled in.

    Raises:
        BadRequest: a value makes no sense; names which, and what it may be.
    """
    spec = RunSpec(
        name=directory.resolve().name.encode("utf-8", "replace").decode()[:MAX_NAME],
        shards=(),
        validation=_TO_COME,
        rounds=rounds,
        epochs=epochs,
        hidden=_widths(hidden),
        eta=eta,
        **settings,
    )
    check_run_spec(spec)
    return spec


def branch_spec(spec: RunSpec, parent: str, parent_round: int, **changes: Unpack[Changes]) -> RunSpec:
    """Return a checked specification of a run that goes on from a round of the parent, whose specification this is.

    Owner and key are not those of that run.

    Raises:
        BadRequest: a value makes no sense; names which, and what it may be.
    """
    changes.setdefault("owner", "")
    changes.setdefault("key", "")
    changes.setdefault("force_queue", False)
    branch = replace(spec, parent=parent, parent_round=parent_round, **changes)
    check_run_spec(branch)
    return branch


def _widths(hidden: SupportsIndex | Sequence[SupportsIndex]) -> tuple[int, ...]:
    several = hidden if isinstance(hidden, Iterable) else (hidden,)
    try:
        return tuple(operator.index(width) for width in several)
    except TypeError:
        raise BadRequest(f"hidden must be a whole number or several, not {hidden!r}") from None
