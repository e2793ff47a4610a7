"""The server of the Flower contestant: averages until the target, then says what it took."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter
from typing import Any

import flwr as fl

from bench.core.torch_model import perceptron, write
from bench.letters.target import ERROR, LAYERS, MOST_ROUNDS, SEED, read
from bench.letters.torch_ddp_rank import accuracy
from mlcore.mlp import init_weights


class ToTarget(fl.server.strategy.FedAvg):  # type: ignore[misc]  # Flower has no types here
    """Federated averaging that ends the process, and all clients with it, at the target."""

    def __init__(self, nodes: int) -> None:
        start = init_weights(LAYERS, init="he", seed=SEED, dtype="float32")
        super().__init__(
            fraction_evaluate=0.0,
            min_fit_clients=nodes,
            min_available_clients=nodes,
            initial_parameters=fl.common.ndarrays_to_parameters([start]),
        )
        self._model = perceptron(LAYERS)
        _, self._validation = read()
        self._seconds = 0.0
        self._started = 0.0

    def configure_fit(self, server_round: int, parameters: Any, client_manager: Any) -> Any:
        client_manager.wait_for(self.min_available_clients)
        self._started = perf_counter()
        return super().configure_fit(server_round, parameters, client_manager)

    def aggregate_fit(self, server_round: int, results: Any, failures: Any) -> Any:
        averaged = super().aggregate_fit(server_round, results, failures)
        self._seconds += perf_counter() - self._started
        write(fl.common.parameters_to_ndarrays(averaged[0])[0], self._model, LAYERS)
        found = accuracy(self._model, self._validation)
        if found >= 1.0 - ERROR or server_round == MOST_ROUNDS:
            self._tell({"training-s": self._seconds, "rounds": server_round, "accuracy": found})
        return averaged

    def _tell(self, found: dict[str, float]) -> None:
        print(json.dumps(found), flush=True)
        os._exit(0)  # Flower knows no end before the last round


def main(address: str, nodes: str) -> None:
    # What Flower prints goes elsewhere; our one line goes to stdout.
    config = fl.server.ServerConfig(num_rounds=MOST_ROUNDS)
    fl.server.start_server(server_address=address, config=config, strategy=ToTarget(int(nodes)))


if __name__ == "__main__":
    main(*sys.argv[1:])
