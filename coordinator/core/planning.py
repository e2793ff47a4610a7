"""From a run's settings and the survey of its data to the plan of its tasks; and the check of the settings themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coordinator.core.jobs import ValidationInfo
from coordinator.core.workload import Plan
from mlcore.shards import ShardStats, merge_stats, standardizer
from rpc.errors import BadData, BadRequest
from rpc.messages import RunSpec, ShardSummary, TrainSettings

MAX_WEIGHTS = 1 << 30


@dataclass(frozen=True, slots=True)
class _Rule:
    field: str
    holds: Callable[[Any], bool]
    wanted: str


def _one_of(*names: str) -> Callable[[Any], bool]:
    return lambda value: value in names


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0.0


def _not_negative(value: float) -> bool:
    return math.isfinite(value) and value >= 0.0


_RULES = (
    _Rule("rounds", lambda n: 1 <= n <= 1_000_000, "1 or more"),
    _Rule("epochs", lambda n: 1 <= n <= 1_000_000, "1 or more"),
    _Rule("hidden", lambda widths: all(1 <= width <= 10_000_000 for width in widths), "widths from 1 to 10,000,000"),
    _Rule("classes", lambda k: k == 0 or 2 <= k <= 100_000, "2 or more, or 0 to infer them"),
    _Rule("eta", _positive, "a number above 0"),
    _Rule("activation", _one_of("relu", "tanh"), "relu or tanh"),
    _Rule("init", _one_of("", "uniform", "he", "xavier", "zeros"), "uniform, he, xavier or zeros"),
    _Rule("optimizer", _one_of("gd", "sgd", "adam"), "gd, sgd or adam"),
    _Rule("batch_size", lambda n: n >= 0, "0 or more"),
    _Rule("momentum", lambda value: 0.0 <= value < 1.0, "from 0 to below 1"),
    _Rule("weight_decay", _not_negative, "0 or more"),
    _Rule("label_smoothing", lambda value: 0.0 <= value < 1.0, "from 0 to below 1"),
    _Rule("eta_schedule", _one_of("constant", "cosine", "onecycle"), "constant, cosine or onecycle"),
    _Rule("server_optimizer", _one_of("fedavg", "nesterov"), "fedavg or nesterov"),
    _Rule("weighting", _one_of("rows", "uniform"), "rows or uniform"),
    _Rule("dtype", _one_of("float32", "float64"), "float32 or float64"),
    _Rule("seed", lambda n: n >= 0, "0 or more"),
    _Rule("threads", lambda n: 1 <= n <= 1024, "1 or more"),
    _Rule("tolerance", _not_negative, "0 or more"),
    _Rule("max_delta_norm", _not_negative, "0 (off) or more"),
    _Rule("patience", lambda n: n >= 0, "0 (off) or more"),
    _Rule("target_error", lambda value: 0.0 <= value <= 1.0, "from 0 (off) to 1"),
    _Rule("max_time_s", _not_negative, "0 (off) or more seconds"),
    _Rule("run_timeout_s", _positive, "seconds above 0"),
    _Rule("max_node_losses", lambda n: n >= 1, "1 or more"),
    _Rule("max_attempts", lambda n: n >= 1, "1 or more"),
)


def check_spec(spec: RunSpec) -> None:
    """Raise BadRequest naming the first setting that is outside what is allowed."""
    if not spec.shards:
        raise BadRequest("a run needs at least one training shard")
    for rule in _RULES:
        value = getattr(spec, rule.field)
        if not rule.holds(value):
            raise BadRequest(f"{rule.field} must be {rule.wanted}, not {value}")


def make_plan(spec: RunSpec, summaries: Sequence[ShardSummary], validation: ValidationInfo) -> Plan:
    """Return what the training tasks share; the summaries are in shard order.

    Raises:
        BadData: the files do not fit together, or the model would be absurdly large.
    """
    columns = summaries[0].columns
    files = [(file.file, summary.columns) for file, summary in zip(spec.shards, summaries, strict=True)]
    for name, found in [*files, (validation.file, validation.columns)]:
        if found != columns:
            raise BadData(f"{name}: {found} features a row, but {spec.shards[0].file} has {columns}; all need the same")
    classes = spec.classes or 1 + max(validation.max_label, *(summary.max_label for summary in summaries))
    layers = (columns, *spec.hidden, max(classes, 2))
    n_weights = sum((fan_in + 1) * fan_out for fan_in, fan_out in zip(layers, layers[1:], strict=False))
    if n_weights > MAX_WEIGHTS:
        raise BadData(f"layers {'-'.join(map(str, layers))} have {n_weights:,} weights; at most {MAX_WEIGHTS:,} are possible")
    offset, scale = _standardization(summaries) if spec.standardize else (b"", b"")
    return Plan(_settings(spec, layers), spec.threads, offset, scale, spec.max_delta_norm)


def _settings(spec: RunSpec, layers: tuple[int, ...]) -> TrainSettings:
    shared = set(TrainSettings.__dataclass_fields__) - {"layers"}
    return TrainSettings(layers=layers, **{name: getattr(spec, name) for name in shared})


def _standardization(summaries: Sequence[ShardSummary]) -> tuple[bytes, bytes]:
    """Offset and scale of each feature over all shards, merged in shard order so that the bits are always the same."""
    offset, scale = standardizer(merge_stats([stats_of(summary) for summary in summaries]))
    return offset.astype("<f8").tobytes(), scale.astype("<f8").tobytes()


def stats_of(summary: ShardSummary) -> ShardStats:
    """The statistics of one shard from the message that carried them."""
    return ShardStats(
        rows=summary.rows,
        columns=summary.columns,
        max_label=summary.max_label,
        mean=np.frombuffer(summary.mean, "<f8"),
        m2=np.frombuffer(summary.m2, "<f8"),
        label_counts=np.frombuffer(summary.label_counts, "<i8"),
    )
