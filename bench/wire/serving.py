"""What every server of the echo contest says on stdout: its port, then its CPU seconds whenever asked."""

from __future__ import annotations

import sys
from threading import Thread
from time import process_time


def tell_port(port: int) -> None:
    """Print the port, and from now on the CPU seconds of this process for each line on stdin."""
    print(port, flush=True)
    Thread(target=_answer, daemon=True).start()


def _answer() -> None:
    for _ in sys.stdin:
        print(process_time(), flush=True)
