"""`python -m roundhouse.tied PROGRAM ...`: a program that ends with the process that started it."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread

from roundhouse.cli import main

_STDIN = 0


def end_with_stdin() -> None:
    """Wait until stdin, a pipe of the process that started us, is closed; then end as SIGTERM ends us."""
    while os.read(_STDIN, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    # The pipe closes however that process ends, also when it is killed.
    Thread(target=end_with_stdin, daemon=True).start()
    sys.exit(main())
