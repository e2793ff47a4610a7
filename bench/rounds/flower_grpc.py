"""Flower by its gRPC path, `start_server` and `start_client`: the fastest it has."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Any

import flwr as fl

from bench.programs import running
from bench.rounds.child import Outcome
from bench.rounds.task import start

ANY_SIZE = 512 << 20


class Timed(fl.server.strategy.FedAvg):  # type: ignore[misc]  # Flower has no types here
    """Federated averaging that remembers when it began, and what it has."""

    def __init__(self, size: str, nodes: int) -> None:
        super().__init__(
            fraction_evaluate=0.0,
            min_fit_clients=nodes,
            min_available_clients=nodes,
            initial_parameters=fl.common.ndarrays_to_parameters([start(size)]),
        )
        self.started = 0.0
        self.ended = 0.0
        self.parameters: Any = None

    def configure_fit(self, server_round: int, parameters: Any, client_manager: Any) -> Any:
        client_manager.wait_for(self.min_available_clients)
        self.started = self.started or perf_counter()
        return super().configure_fit(server_round, parameters, client_manager)

    def aggregate_fit(self, server_round: int, results: Any, failures: Any) -> Any:
        self.parameters, metrics = super().aggregate_fit(server_round, results, failures)
        self.ended = perf_counter()
        return self.parameters, metrics


@contextmanager
def cluster(nodes: int, size: str, rounds: int) -> Iterator[Callable[[], Outcome]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with ExitStack() as stack:
        for _ in range(nodes):
            stack.enter_context(running("-m", "bench.rounds.flower_client", address))

        def train() -> Outcome:
            strategy = Timed(size, nodes)
            config = fl.server.ServerConfig(num_rounds=rounds)
            fl.server.start_server(
                server_address=address, config=config, strategy=strategy, grpc_max_message_length=ANY_SIZE
            )
            weights = fl.common.parameters_to_ndarrays(strategy.parameters)[0]
            return Outcome((strategy.ended - strategy.started) / rounds, weights, rounds)

        yield train
