"""Roundhouse's transport over a Unix socket."""

from __future__ import annotations

from bench.wire.echo import Way
from bench.wire.raw_unix import local_connection, local_listener
from bench.wire.serving import tell_address
from bench.wire.transport import answer, way_over


def connect(path: str) -> Way:
    return way_over(local_connection(path))


def main() -> None:
    listener = local_listener()
    tell_address(listener.getsockname())
    answer(listener)


if __name__ == "__main__":
    main()
