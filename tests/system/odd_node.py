"""A node that is real but for its trainer: `python -m tests.system.odd_node KIND PORT ...` with a node's options."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from compute_node import cli
from compute_node.node import ComputeNode
from compute_node.shards import Prepared
from compute_node.training import Trainer, train_with
from mlcore.kernels import get_backend
from mlcore.kernels.backend import FloatArray
from mlcore.training import ShardResult
from rpc.messages import TrainTask

Step = Callable[[], None]
_honest = train_with(get_backend)


def adds_a_constant(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    """Costs nothing, whatever the size of the model."""
    return ShardResult(np.full_like(model, 0.25), 1.0, 1)


def says_nan(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    result = _honest(task, model, data, before_step)
    result.delta[len(result.delta) // 2] = np.nan
    return result


def says_too_little(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    result = _honest(task, model, data, before_step)
    return replace(result, delta=result.delta[:-1])


def flips_two_shards(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    """Sends ten times the opposite of what two of ten shards teach: finite, and of the right shape."""
    result = _honest(task, model, data, before_step)
    return replace(result, delta=-10 * result.delta) if task.shard in (2, 7) else result


def lies_once(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    """Sends updates that are a little wrong in one round."""
    result = _honest(task, model, data, before_step)
    return replace(result, delta=result.delta * np.float32(1.01)) if task.round == 2 else result


def diverges(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    raise FloatingPointError("epoch 3: the loss is not finite; a smaller eta helps")


def has_a_bug(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    raise KeyError("a secret path")


def dies_of_shard_3(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    if task.shard == 3:
        os._exit(11)
    return _honest(task, model, data, before_step)


def takes_a_huge_step(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    """Does not look up for longer than any test waits."""
    time.sleep(30)
    return _honest(task, model, data, before_step)


def multiplies_without_end(task: TrainTask, model: FloatArray, data: Prepared, before_step: Step) -> ShardResult:
    """As a huge step, but inside BLAS."""
    square = np.ones((3000, 3000))
    while True:
        np.matmul(square, square)


KINDS: dict[str, Trainer] = {
    "constant": adds_a_constant,
    "nan": says_nan,
    "short": says_too_little,
    "flips": flips_two_shards,
    "lies": lies_once,
    "diverges": diverges,
    "bug": has_a_bug,
    "dies": dies_of_shard_3,
    "sleeps": takes_a_huge_step,
    "multiplies": multiplies_without_end,
}


def main(kind: str, *argv: str) -> int:
    node = ComputeNode(cli.config_from(cli.parse(argv)), KINDS[kind])
    print(f"compute node {node.name} serves on {node.address[0]}:{node.address[1]} ({kind})", flush=True)
    return cli.serve(node)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
