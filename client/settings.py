"""The settings of a run: what a caller may say besides folder, rounds, epochs, hidden layers and eta."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from rpc.messages import DataFile, RunSpec
from rpc.run_spec import check_run_spec

_TO_COME = DataFile(file="", blob="", size=0)


class Settings(TypedDict, total=False):
    """The optional settings; meanings and defaults are those of the README's table."""

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


def make_spec(
    directory: Path,
    *,
    rounds: int,
    epochs: int,
    hidden: int | Sequence[int],
    eta: float,
    **settings: Unpack[Settings],
) -> RunSpec:
    """Return a checked specification, named after the folder, whose data files are still to be filled in.

    Raises:
        BadRequest: a value makes no sense; names which, and what it may be.
    """
    widths = (hidden,) if isinstance(hidden, int) else tuple(hidden)
    spec = RunSpec(
        name=directory.resolve().name.encode("utf-8", "replace").decode(),
        shards=(),
        validation=_TO_COME,
        rounds=rounds,
        epochs=epochs,
        hidden=widths,
        eta=eta,
        **settings,
    )
    check_run_spec(spec)
    return spec
