"""A client of the Flower contestant: `python -m bench.letters.flower_client HOST:PORT SHARD`, one pass a round."""

from __future__ import annotations

import sys
from time import sleep
from typing import Any

import flwr as fl
import grpc
import numpy as np
import torch

from bench.core.torch_model import perceptron, read, write
from bench.letters import target
from bench.letters.target import BATCH, ETA, LAYERS, MOMENTUM, SEED


class Learner(fl.client.NumPyClient):  # type: ignore[misc]  # Flower has no types here
    """Trains one shard."""

    def __init__(self, shard: int) -> None:
        rows = target.read()[0][shard]
        self._x, self._y = torch.from_numpy(rows.x), torch.from_numpy(rows.y)
        self._model = perceptron(LAYERS)
        self._rng = np.random.default_rng(SEED)
        self._pass()  # loads what PyTorch loads at its first step

    def fit(self, parameters: Any, config: Any) -> Any:
        write(parameters[0], self._model, LAYERS)
        self._pass()
        return [read(self._model)], len(self._y), {}

    def _pass(self) -> None:
        optimizer = torch.optim.SGD(self._model.parameters(), lr=ETA, momentum=MOMENTUM)
        order = self._rng.permutation(len(self._y))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(self._model(self._x[chosen]), self._y[chosen]).backward()
            optimizer.step()


def main(address: str, shard: str) -> None:
    torch.set_num_threads(1)
    learner = Learner(int(shard)).to_client()
    while True:
        try:
            fl.client.start_client(server_address=address, client=learner, insecure=True)
        except grpc.RpcError:  # the server is not there yet
            sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
