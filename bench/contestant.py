"""The contestant's side of a contest: made ready once, then run whenever the other side says so."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout

READY = "ready"


Figures = dict[str, float]  # by name; the last word of a name is the unit
Run = Callable[[], Figures]


def serve(contestant: AbstractContextManager[Run]) -> None:
    """Make a contestant ready, then answer each line on stdin with the figures of one run, as a line of JSON."""
    # Libraries print; only our answers may reach the other side.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with redirect_stdout(sys.stderr), contestant as run:  # what Python prints is not kept until after a last word
        print(READY, file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(run()), file=answers, flush=True)


def keep_on_core(which: int) -> None:
    """Keep this process, and what it starts from now on, on one of its cores: 0 the first, -1 the last."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[which]})
