"""Ray: one actor a node, the weights through its shared memory. Only in a network namespace of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import ray

from bench.rounds.child import Outcome
from bench.rounds.task import STEP, Floats, start


class Adder:
    """A node that adds a constant."""

    def fit(self, weights: Floats) -> Floats:
        return weights + STEP


@contextmanager
def cluster(nodes: int, size: str, rounds: int) -> Iterator[Callable[[], Outcome]]:
    ray.init(num_cpus=nodes, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    actor = ray.remote(num_cpus=1)(Adder)
    actors = [actor.remote() for _ in range(nodes)]

    def train() -> Outcome:
        weights = start(size)
        started = perf_counter()
        for _ in range(rounds):
            there = ray.put(weights)
            replies = ray.get([each.fit.remote(there) for each in actors])
            weights = replies[0] + replies[1]
            for reply in replies[2:]:
                weights += reply
            weights /= np.float32(nodes)
        return Outcome((perf_counter() - started) / rounds, weights, rounds)

    yield train
    ray.shutdown()
