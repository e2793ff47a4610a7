"""A node that is real but for its trainer, which adds a constant: `python -m bench.rounds.constant_node PORT ...`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from bench.rounds.task import STEP
from compute_node import cli
from compute_node.node import ComputeNode
from compute_node.shards import Prepared
from mlcore.kernels.backend import FloatArray
from mlcore.training import ShardResult
from rpc.messages import TrainTask


def add_a_constant(task: TrainTask, model: FloatArray, data: Prepared, before_step: Callable[[], None]) -> ShardResult:
    """Costs nothing but the memory."""
    return ShardResult(np.full_like(model, STEP), 1.0, 1)


def main(*argv: str) -> None:
    node = ComputeNode(cli.config_from(cli.parse(argv)), add_a_constant)
    print(f"compute node {node.name} serves on {node.address[0]}:{node.address[1]}", flush=True)
    cli.serve(node)


if __name__ == "__main__":
    main(*sys.argv[1:])
