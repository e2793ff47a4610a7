"""The stored rounds of a run, and which of them is meant."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from rpc.errors import BadRequest
from rpc.messages import Checkpoint

Which: TypeAlias = int | Literal["best", "last"]  # of the stored rounds


def which(text: str) -> Which:
    """Return what a command line means.

    Raises:
        argparse.ArgumentTypeError: it is no round.
    """
    if text == "best":
        return "best"
    if text == "last":
        return "last"
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be the number of a round, best or last, not {text!r}")
    return int(text)


def choose(stored: Sequence[Checkpoint], wanted: Which, run_id: str) -> Checkpoint:
    """Return the stored round that is meant; the best is the first one with the lowest validation error.

    Raises:
        BadRequest: it is not stored; says which are.
    """
    if not stored:
        raise BadRequest(f"no round of {run_id} is stored yet; wait for its first one")
    if wanted == "last":
        return stored[-1]
    if wanted == "best":
        return min(stored, key=lambda each: math.inf if each.validation_error is None else each.validation_error)
    for each in stored:
        if each.round == wanted:
            return each
    shown = ", ".join(str(each.round) for each in stored)
    raise BadRequest(f"round {wanted} of {run_id} is not stored; these are: {shown}")
