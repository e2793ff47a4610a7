"""Tasks that take no time are trained on the loop itself; whether one does, its shard's last round says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from time import monotonic

import numpy as np

from compute_node.config import NodeConfig
from compute_node.shards import Prepared
from mlcore.kernels.backend import FloatArray
from mlcore.training import ShardResult
from rpc.client import Client
from rpc.messages import TrainTask
from tests.compute_node.running import RunningNode, task
from tests.rpc.running import PATIENCE_S

THE_LOOP = "node under test"


class Tracking:
    """Notes the thread of each task; a task lasts until `seconds` are over."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.seconds = 0.0

    def __call__(
        self, task: TrainTask, model: FloatArray, data: Prepared, before_step: Callable[[], None]
    ) -> ShardResult:
        self.threads.append(threading.current_thread().name)
        end = monotonic() + self.seconds
        while monotonic() < end:
            before_step()
        return ShardResult(np.full_like(model, 0.25), 1.0, 1)


def train(slot: Client, trainer: Tracking, number: int, shard: int = 0) -> str:
    """Train a shard for a round; return the thread that did it."""
    slot.call("train_shard", task(f"r/{number}/{shard}#1", place=(number, shard)))
    return trainer.threads[-1]


def test_a_shard_that_took_no_time_is_trained_on_the_loop_until_it_takes_some() -> None:
    trainer = Tracking()
    with closing(RunningNode(NodeConfig(0), trainer)) as node:
        slot = node.client()
        assert train(slot, trainer, 1).startswith("slot")
        end, number = monotonic() + PATIENCE_S, 2
        while train(slot, trainer, number) != THE_LOOP:  # a loaded machine takes its time over nothing, too
            assert monotonic() < end
            number += 1
        assert train(slot, trainer, number, shard=1).startswith("slot"), "what another shard takes says nothing"
        trainer.seconds = 0.001
        train(slot, trainer, number + 1)
        assert train(slot, trainer, number + 2).startswith("slot")
