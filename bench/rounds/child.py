"""One system as a contestant: `python -m bench.rounds.child SYSTEM NODES SIZE ROUNDS`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module

from bench.contestant import Figures, Run, serve
from bench.rounds.task import Floats, trained


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system made of some rounds.

    Attributes:
        seconds: per round.
        weights: after the last one, flat.
        rounds: how many there were, all told.
        server_mb: the most memory that the server has had, where there is one to ask.
    """

    seconds: float
    weights: Floats
    rounds: int
    server_mb: float | None = None


# Of each system: `cluster(nodes, size, rounds)` starts it; what it gives runs so many rounds.
Cluster = Callable[[int, str, int], AbstractContextManager[Callable[[], Outcome]]]


@contextmanager
def contestant(system: str, nodes: int, size: str, rounds: int) -> Iterator[Run]:
    cluster: Cluster = import_module(f"bench.rounds.{system}").cluster
    with cluster(nodes, size, rounds) as train:
        train()  # connections are made, buffers grow

        def run() -> Figures:
            outcome = train()
            check(size, outcome)
            memory = {} if outcome.server_mb is None else {"server-MB": outcome.server_mb}
            return {"ms": 1000 * outcome.seconds} | memory

        yield run


def check(size: str, outcome: Outcome) -> None:
    """Raise ValueError if the model is not, bit by bit, the one that these rounds make."""
    expected, found = (
        sha256(weights.tobytes()).hexdigest() for weights in (trained(size, outcome.rounds), outcome.weights)
    )
    if found != expected:
        raise ValueError(f"the model after {outcome.rounds} rounds is {found[:16]}, not {expected[:16]}")


def main(system: str, nodes: str, size: str, rounds: str) -> None:
    serve(contestant(system, int(nodes), size, int(rounds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
