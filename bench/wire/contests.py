"""Who takes part in the contest of the wire."""

from __future__ import annotations

from bench.contest import Contestant, hold
from bench.results import Results

OURS = ("transport", "unix", "tls", "calls")
FLOOR_AND_STOCK = ("raw_socket", "raw_unix", "stock_thrift")
PEERS = ("grpc_bytes",)
_NEEDS = {"grpc_bytes": ("grpc",)}


def run(ways: tuple[str, ...], turns: int, results: Results) -> None:
    """Echo over each way in turn; two cores, one for each side."""
    hold([_contestant(way) for way in ways], turns, results)


def _contestant(way: str) -> Contestant:
    return Contestant(f"wire/{way}", ("bench.wire.echo", way), needs=_NEEDS.get(way, ()), threads=2)
