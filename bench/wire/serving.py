"""What every server of the echo contest says on stdout: its address, then its CPU seconds whenever asked."""

from __future__ import annotations

import sys
from threading import Thread
from time import process_time


def tell_address(address: int | str) -> None:
    """Print where this process serves, and from now on its CPU seconds for each line on stdin."""
    print(address, flush=True)
    Thread(target=_answer, daemon=True).start()


def _answer() -> None:
    for _ in sys.stdin:
        print(process_time(), flush=True)
