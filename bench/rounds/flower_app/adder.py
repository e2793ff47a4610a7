"""The app that Flower's SuperLink runs: clients add a constant, the server averages and writes what it took."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from bench.rounds.task import STEP, start

client = ClientApp()
server = ServerApp()


@client.train()  # type: ignore[untyped-decorator]  # Flower has no types here
def train(message: Message, context: Context) -> Message:
    """One example, so that the mean is exact."""
    weights = message.content["arrays"].to_numpy_ndarrays()[0]
    content = {"arrays": ArrayRecord([weights + STEP]), "metrics": MetricRecord({"num-examples": 1})}
    return Message(content=RecordDict(content), reply_to=message)


class Timed(FedAvg):  # type: ignore[misc]  # Flower has no types here
    """Federated averaging that remembers when its first round began."""

    started = 0.0
    ended = 0.0

    def configure_train(self, server_round: int, arrays: Any, config: Any, grid: Any) -> Any:
        messages = super().configure_train(server_round, arrays, config, grid)
        self.started = self.started or perf_counter()  # its nodes are there now
        return messages

    def aggregate_train(self, server_round: int, replies: Any) -> Any:
        averaged = super().aggregate_train(server_round, replies)
        self.ended = perf_counter()
        return averaged


@server.main()  # type: ignore[untyped-decorator]  # Flower has no types here
def main(grid: Grid, context: Context) -> None:
    """Write the weights and the seconds per round to the file that the run names."""
    config = context.run_config
    nodes, rounds = int(config["nodes"]), int(config["rounds"])
    strategy = Timed(fraction_evaluate=0.0, min_train_nodes=nodes, min_available_nodes=nodes)
    result = strategy.start(grid, ArrayRecord([start(str(config["size"]))]), num_rounds=rounds)
    seconds = (strategy.ended - strategy.started) / rounds
    np.savez(str(config["result"]), weights=result.arrays.to_numpy_ndarrays()[0], seconds=seconds)
