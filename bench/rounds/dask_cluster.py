"""Dask: one worker process a node, the weights scattered to all, a task for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np
from distributed import Client, LocalCluster

from bench.rounds.child import Outcome
from bench.rounds.task import STEP, Floats, start


def fit(weights: Floats) -> Floats:
    """Add a constant."""
    return weights + STEP


@contextmanager
def cluster(nodes: int, size: str, rounds: int) -> Iterator[Callable[[], Outcome]]:
    with (
        LocalCluster(
            n_workers=nodes, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as local,
        Client(local) as client,
    ):
        workers = list(client.scheduler_info(n_workers=-1)["workers"])

        def train() -> Outcome:
            weights = start(size)
            started = perf_counter()
            for _ in range(rounds):
                there = client.scatter(weights, broadcast=True)
                replies = client.gather([client.submit(fit, there, workers=[each], pure=False) for each in workers])
                weights = replies[0] + replies[1]
                for reply in replies[2:]:
                    weights += reply
                weights /= np.float32(nodes)
            return Outcome((perf_counter() - started) / rounds, weights, rounds)

        yield train
