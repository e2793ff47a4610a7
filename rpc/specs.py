"""What clients ask for: the specification of a run; messages of the same kind as those of messages.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ADAPTIVE = -1.0  # a round deadline that follows from how long shards take


@dataclass(frozen=True, slots=True)
class DataFile:
    file: str
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class RunSpec:
    name: str
    shards: tuple[DataFile, ...]
    validation: DataFile
    rounds: int
    epochs: int
    hidden: tuple[int, ...]
    classes: int = 0
    eta: float = 0.0001
    activation: str = "relu"
    init: str = ""
    optimizer: str = "gd"
    batch_size: int = 0
    momentum: float = 0.9
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    eta_schedule: str = "constant"
    standardize: bool = False
    server_optimizer: str = "fedavg"
    weighting: str = "rows"
    dtype: str = "float32"
    seed: int = 1
    threads: int = 1
    tolerance: float = 0.2
    max_delta_norm: float = 0.0
    mixed_classes: bool = False
    patience: int = 0
    target_error: float = 0.0
    max_time_s: float = 0.0
    run_timeout_s: float = 86400.0
    max_node_losses: int = 3
    max_attempts: int = 5
    owner: str = ""
    priority: int = 0
    min_nodes: int = 1
    max_nodes: int = 0
    select: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    fraction: float = 1.0
    min_shards: int = 1
    round_deadline_s: float = 0.0
    server_eta: float = 0.0
    aggregation: str = "mean"
    trim: int = 1
    prox_mu: float = 0.0
    keep_checkpoints: int = 2
    parent: str = ""
    parent_round: int = 0
    speculation: bool = True
    verifies: str = ""
    sample: float = 0.0
    sample_seed: int = 0
    force_queue: bool = False


@dataclass(frozen=True, slots=True)
class WorkFilter:
    states: tuple[str, ...] = ()
    owner: str = ""
    before: int = 0
    limit: int = 100
    kinds: tuple[str, ...] = ()
    array_id: str = ""
    with_members: bool = False
