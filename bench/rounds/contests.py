"""Who takes part in the contests of rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.alone import ALONE, can_be_alone, ray_home
from bench.contest import Contestant, hold
from bench.results import Results

OURS = "roundhouse"
_INSIDE_TLS = "roundhouse_tls"
_ON_ONE_HOST = "roundhouse_unix"  # large models only: what small ones cost is not their way
PEERS = ("torch_gloo", "ray_actors", "dask_cluster", "flower_grpc")
_NEEDS = {
    "flower_grpc": "flwr",
    "flower_superlink": "flwr",
    "torch_gloo": "torch",
    "ray_actors": "ray",
    "dask_cluster": "distributed",
}
_ROUNDS = {"1k": 200, "100k": 40, "10M": 4}
_SLOW = ("dask_cluster", "flower_grpc")  # take so many rounds fewer
_SLOWER = 8
_SUPERLINK_TURNS = 2

# Ray binds an outside address whatever it is told, so it gets a network that has only a loopback; Flower's SuperLink
# has fixed ports.
_NEED_A_NETWORK = ("ray_actors", "flower_superlink")
_QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0", "GLOO_SOCKET_IFNAME": "lo"}


def run(systems: Sequence[str], turns: int, results: Results) -> None:
    """Hold one contest for each size of the model and number of nodes."""
    for size in _ROUNDS:
        for nodes in (2, 8):
            everybody = (*systems, _ON_ONE_HOST) if size == "10M" else systems
            with _contestants(everybody, nodes, size, results) as contestants:
                hold(contestants, turns, results)


def run_superlink(turns: int, results: Results) -> None:
    """Flower's SuperLink takes seconds a round whatever the model: a few rounds of the smallest say all."""
    with _contestants(["flower_superlink"], 2, "1k", results) as contestants:
        hold(contestants, min(turns, _SUPERLINK_TURNS), results)


def run_tls(turns: int, results: Results) -> None:
    """What tokens and TLS on all connections cost: the same rounds with and without, in turn."""
    with TemporaryDirectory(prefix="roundhouse-bench-") as home:
        for size in _ROUNDS:
            hold([_contestant(system, 2, size, Path(home), "tls") for system in (OURS, _INSIDE_TLS)], turns, results)


def run_scale(turns: int, results: Results) -> None:
    """The coordinator's own cost with more and more nodes."""
    for nodes, rounds in ((32, 100), (128, 40), (512, 10), (1000, 10)):
        name = f"rounds/scale/{nodes}"
        hold([Contestant(name, ("bench.rounds.scale", str(nodes), str(rounds)), threads=2)], turns, results)


@contextmanager
def _contestants(systems: Sequence[str], nodes: int, size: str, results: Results) -> Iterator[list[Contestant]]:
    with TemporaryDirectory(prefix="roundhouse-bench-") as home:
        contestants = []
        for system in systems:
            contestant = _contestant(system, nodes, size, Path(home))
            if contestant.before and not can_be_alone():
                results.leave_out(contestant.name, "needs root, for a network of its own")
            else:
                contestants.append(contestant)
        yield contestants


def _contestant(system: str, nodes: int, size: str, home: Path, contest: str = "rounds") -> Contestant:
    rounds = 2 if system == "flower_superlink" else max(2, _ROUNDS[size] // (_SLOWER if system in _SLOW else 1))
    return Contestant(
        f"{contest}/{size}/{nodes}/{system}",
        ("bench.rounds.child", system, str(nodes), size, str(rounds)),
        needs=(_NEEDS[system],) if system in _NEEDS else (),
        threads=2,
        environment=_QUIET | (ray_home(home) if system == "ray_actors" else {}),
        before=ALONE if system in _NEED_A_NETWORK else (),
        timeout_s=300.0,
    )
