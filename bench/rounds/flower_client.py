"""A Flower client that adds a constant: `python -m bench.rounds.flower_client HOST:PORT`, again for each server."""

from __future__ import annotations

import sys
from time import sleep
from typing import Any

import flwr as fl
import grpc

from bench.rounds.flower_grpc import ANY_SIZE
from bench.rounds.task import STEP


class Adder(fl.client.NumPyClient):  # type: ignore[misc]  # Flower has no types here
    """One example, so that the mean is exact."""

    def fit(self, parameters: Any, config: Any) -> Any:
        return [parameters[0] + STEP], 1, {}


def take_part(address: str) -> None:
    """Serve one server to its end, or find that there is none now."""
    client = Adder().to_client()
    try:
        fl.client.start_client(server_address=address, client=client, grpc_max_message_length=ANY_SIZE, insecure=True)
    except grpc.RpcError:
        sleep(0.05)


if __name__ == "__main__":
    while True:
        take_part(sys.argv[1])
