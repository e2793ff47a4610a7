"""`python -m roundhouse.tied PROGRAM ...`: a program that ends with the process that started it."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread

from roundhouse.cli import main

_STDIN = 0


def take_stdin() -> int:
    """Return a descriptor of what stdin was; stdin itself is empty from now on, also for children of ours."""
    taken = os.dup(_STDIN)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, _STDIN)
    os.close(empty)
    return taken


def end_with(pipe: int) -> None:
    """Wait until the other end of a pipe is closed; then end as SIGTERM ends us."""
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    # Our stdin is a pipe of the process that started us. It closes however that process ends, also when it is killed.
    Thread(target=end_with, args=(take_stdin(),), daemon=True).start()
    sys.exit(main())
