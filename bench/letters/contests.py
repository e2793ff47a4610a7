"""Who takes part in the contests of the whole system."""

from __future__ import annotations

from bench.contest import Contestant, hold
from bench.results import Results


def run(turns: int, results: Results) -> None:
    """The letters to 90 %, launched anew in every turn; then what a second node is worth."""
    ours = Contestant("letters/roundhouse", ("bench.letters.roundhouse",), threads=2)
    ddp = Contestant("letters/torch_ddp", ("bench.letters.torch_ddp",), ("torch",), 2, {"GLOO_SOCKET_IFNAME": "lo"})
    flower = Contestant(
        "letters/flower_grpc", ("bench.letters.flower_grpc",), ("flwr", "torch"), 2, {"FLWR_TELEMETRY_ENABLED": "0"}
    )
    hold([ours, ddp, flower], turns, results)
    hold([Contestant("letters/two_nodes", ("bench.letters.two_nodes",), threads=2)], turns, results)
