"""A node that is real but for its trainer, which adds a constant: `python -m bench.rounds.constant_node WAY PORT ...`.

WAY is `tcp`, or `unix` for what a node on the coordinator's own host does by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from bench.rounds.task import STEP
from compute_node import cli
from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from compute_node.shards import Prepared
from mlcore.kernels.backend import FloatArray
from mlcore.training import ShardResult
from rpc.messages import TrainTask
from rpc.server import Server


def add_a_constant(task: TrainTask, model: FloatArray, data: Prepared, before_step: Callable[[], None]) -> ShardResult:
    """Costs nothing but the memory."""
    return ShardResult(np.full_like(model, STEP), 1.0, 1)


class TcpNode(ComputeNode):
    """Tells nobody of its Unix socket, so that it is reached as from another host."""

    def _server(self, config: NodeConfig) -> Server:
        server = super()._server(config)
        self._handler.local_socket = ""
        return server


def main(way: str, *argv: str) -> None:
    node = (ComputeNode if way == "unix" else TcpNode)(cli.config_from(cli.parse(argv)), add_a_constant)
    print(f"compute node {node.name} serves on {':'.join(map(str, node.address))}", flush=True)
    cli.serve(node)


if __name__ == "__main__":
    main(*sys.argv[1:])
