"""How often callers from other machines may try tokens and hand in work."""

from __future__ import annotations

from math import ceil
from time import monotonic

from coordinator.permissions import Identity
from rpc.errors import TooMany, TrainerError, Unauthenticated
from rpc.rates import Rates
from rpc.server import Caller

WRONG_TOKENS = 5  # a minute, of one address
SUBMITS = ("submit_run", "submit_script", "verify_run", "add_schedule", "train")


class Pace:
    """Counts callers that are not on this machine; who is there could do worse than call often.

    The web, which speaks for people elsewhere, counts them itself: it knows where they are.
    """

    def __init__(self, submits_per_minute: int) -> None:
        """So many works of one token in a minute; 0: any number."""
        self._wrong = Rates(WRONG_TOKENS)
        self._submits = Rates(submits_per_minute) if submits_per_minute else None

    def check_token(self, caller: Caller) -> None:
        """Raise TooMany if too many wrong tokens came from where this one comes from: it is not looked at."""
        wait_s = 0.0 if caller.is_on_this_host else self._wrong.wait_s(caller.host, monotonic())
        if wait_s:
            raise TooMany(f"too many wrong tokens came from {caller.host}; try again in {ceil(wait_s)} s")

    def wrong_token(self, caller: Caller, error: TrainerError) -> None:
        """A token was none of ours."""
        if isinstance(error, Unauthenticated) and not caller.is_on_this_host:
            self._wrong.take(caller.host, monotonic())

    def check(self, caller: Caller, identity: Identity, operation: str) -> None:
        """Raise TooMany if the caller hands in work more often than it may."""
        if operation not in SUBMITS or self._submits is None or caller.is_on_this_host:
            return
        wait_s = self._submits.take(identity.token or caller.host, monotonic())
        if wait_s:
            raise TooMany(f"that is too much work in a minute (--submits-per-minute); try again in {ceil(wait_s)} s")
