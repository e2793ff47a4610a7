"""When a run has had enough before its last round: its target is met, or nothing gets better."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rpc.messages import RoundRow, RunSpec


class Stopping:
    """Takes note of validation errors in the order of rounds, from those before a restart on.

    Attributes:
        error: of the last round noted; None before the first.
    """

    def __init__(self, spec: RunSpec, rounds: Iterable[RoundRow] = ()) -> None:
        self.error: float | None = None
        self._target_error = spec.target_error
        self._patience = spec.patience
        self._round = 0
        self._best = math.inf
        self._best_round = 0
        for row in rounds:
            self.note(row.round, row.validation_error or 0.0)

    def note(self, number: int, error: float) -> None:
        self.error, self._round = error, number
        if error < self._best:
            self._best, self._best_round = error, number

    @property
    def reason(self) -> str:
        """Why to stop after the last round noted; empty: go on."""
        if self.error is not None and self._target_error and self.error <= self._target_error:
            return f"the validation error {self.error:.4f} meets the target {self._target_error:g}"
        if self._patience and self._round - self._best_round >= self._patience:
            return f"no better validation error since round {self._best_round} (patience {self._patience})"
        return ""
