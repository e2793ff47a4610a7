"""From a run's settings and the survey of its data to the plan of its tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coordinator.core.jobs import ValidationInfo
from coordinator.core.workload import Claim, Plan, class_key
from mlcore.participation import n_participants
from mlcore.shards import ShardStats, merge_stats, standardizer
from rpc.errors import BadData
from rpc.messages import RunSpec, ShardSummary, TrainSettings


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
    settings = _settings(spec, layers)
    try:
        settings.check()
    except ValueError as error:
        raise BadData(str(error)) from error
    offset, scale = _standardization(summaries) if spec.standardize else (b"", b"")
    return Plan(settings, spec.threads, offset, scale, spec.max_delta_norm)


def n_tasks(spec: RunSpec, last_round: int) -> int:
    """How many tasks the run is; a branch does not repeat the survey, nor the rounds before it."""
    n_rounds, n_shards = last_round - spec.parent_round, len(spec.shards)
    return n_rounds * n_participants(n_shards, spec.fraction) + (0 if spec.parent else n_shards)


def claim_of(spec: RunSpec) -> Claim:
    """Return what the run asks of the queue."""
    return Claim(
        owner=spec.owner,
        key=spec.key,
        priority=spec.priority,
        min_nodes=spec.min_nodes,
        max_nodes=spec.max_nodes,
        select=spec.select,
        class_key=class_key(spec.dtype, spec.threads),
    )


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
