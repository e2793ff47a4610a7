"""How often callers from other machines may try tokens and hand in work, and what one submitter may have at most."""

from __future__ import annotations

from math import ceil
from time import monotonic
from typing import Any

from coordinator.config import Quotas
from coordinator.permissions import Identity, Role
from rpc.errors import Forbidden, TooMany, TrainerError, Unauthenticated
from rpc.rates import Rates
from rpc.server import Caller

WRONG_TOKENS = 5  # a minute, of one address
SUBMITS = ("submit_run", "submit_script", "verify_run", "add_schedule", "train")
_WITH_SPEC = ("submit_run", "submit_script", "add_schedule")


class Pace:
    """Counts callers that are not on this machine; who is there could do worse than call often.

    The web, which speaks for people elsewhere, counts them itself: it knows where they are.
    """

    def __init__(self, submits_per_minute: int, quotas: Quotas | None = None) -> None:
        """So many works of one token in a minute; 0: any number."""
        self._quotas = quotas or Quotas()
        hourly = self._quotas.upload_bytes_per_hour
        self._uploads = Rates(hourly / 60.0, at_once=hourly) if hourly else None
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

    def check_quota(self, identity: Identity, operation: str, args: tuple[Any, ...]) -> None:
        """Look at what a submitter sends, from wherever it comes: through the web it comes from this machine.

        Raises:
            TooMany: these are more bytes than its token may send in an hour.
            Forbidden: it goes before others by a higher priority than submitters may give.
        """
        if identity.role is not Role.SUBMITTER:
            return
        if operation == "put_blob" and self._uploads is not None:
            now = monotonic()
            if self._uploads.take(identity.token, now, len(args[3])):
                wait_s = self._uploads.wait_s(identity.token, now, args[1] - args[2])  # for all of it that is left
                raise TooMany(
                    f"that is too much to send in an hour (--upload-gb-per-hour); go on in {ceil(wait_s)} s, what is "
                    "sent stays", ceil(wait_s),
                )  # fmt: skip
        most = self._quotas.priority
        if operation in _WITH_SPEC and args[0].priority > most:
            raise Forbidden(
                f"priority {args[0].priority} is above {most}, the highest that a submitter may give (--max-priority); "
                "ask an operator"
            )
