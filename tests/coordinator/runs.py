"""Runs and nodes for tests of the core, with the settings that do not matter filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coordinator.core import jobs
from coordinator.core.model import Attempt
from coordinator.core.node_facts import NodeInfo
from coordinator.core.training import TrainingRun
from coordinator.core.workload import Surveyed, Trained
from rpc.messages import DataFile, RunSpec, ShardSummary

CLASS_KEY = "float32/1"
VALIDATION = jobs.ValidationInfo("validate_x.txt", rows=10, columns=4, max_label=3)
LARGE = (1 << 20,)  # hidden units of a model whose deltas are added as they come
TRAINED = Trained(loss=1.0, epochs_run=1)


def spec(n_shards: int = 2, **settings: Any) -> RunSpec:
    """A run of one round over shards of 100, 101, ... rows."""
    shards = tuple(DataFile(f"train_x{shard}.txt", f"blob{shard}", 1) for shard in range(n_shards))
    base = RunSpec("x", shards, DataFile("validate_x.txt", "v", 1), rounds=1, epochs=1, hidden=(8,))
    return replace(base, **settings)


def run(n_shards: int = 2, **settings: Any) -> TrainingRun:
    return TrainingRun("r", spec(n_shards, **settings), submitted_at=0.0)


def surveyed(shard: int, columns: int = 4) -> Surveyed:
    return Surveyed(ShardSummary(f"r/0/{shard}#1", 1, 100 + shard, columns, max_label=3))


def node(name: str, slots: int = 1, numeric_class: str = "avx2") -> NodeInfo:
    return NodeInfo(name, slots=slots, numeric_classes={CLASS_KEY: numeric_class})


def attempt(task: str, fence: int, node_id: str, session: int = 1) -> Attempt:
    return Attempt(f"r/{task}", fence, node_id, session)
