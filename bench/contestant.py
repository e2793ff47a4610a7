"""The contestant's side of a contest: made ready once, then run whenever the other side says so."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field

READY = "ready"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one run measured.

    Attributes:
        figures: by name; the unit is the last word of the name.
        digest: of what was computed; equal for all contestants of a contest that tell one.
    """

    figures: dict[str, float] = field(default_factory=dict)
    digest: str = ""


Run = Callable[[], Turn]


def serve(contestant: AbstractContextManager[Run]) -> None:
    """Make a contestant ready, then answer each line on stdin with one turn, as a line of JSON."""
    # Libraries print; only our answers may reach the other side.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contestant as run:
        print(READY, file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(asdict(run())), file=answers, flush=True)
