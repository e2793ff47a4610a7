"""Who is let in, and how often: those on other machines by so many requests a minute, here by any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from time import monotonic

from rpc.addresses import is_loopback
from rpc.errors import TooMany, Unauthenticated
from rpc.messages import HelloReply
from rpc.rates import Rates
from rpc.tokens import digest_of, id_of
from web.visitors import Visitors

WRONG_TOKENS = 5  # a minute, of one address
_SUBMITS = ("/api/v1/runs", "/api/v1/jobs", "/api/v1/jobs/bundle", "/api/jobs", "/jobs")


@dataclass(frozen=True, slots=True)
class Limits:
    """For callers from other machines; 0: any number.

    Attributes:
        requests, submits: a minute.
        streams, pages: at once.
    """

    requests: int = 600
    submits: int = 30
    streams: int = 10
    pages: int = 50


class Admission:
    """Counts who comes. Belongs to one event loop.

    Attributes:
        demands_tokens: nobody is served without one, whatever the coordinator demands.
    """

    def __init__(self, limits: Limits | None = None, *, demands_tokens: bool = False) -> None:
        self.demands_tokens = demands_tokens
        self.limits = limits or Limits()
        self._wrong = Rates(WRONG_TOKENS)
        self._requests = Rates(self.limits.requests or 1)
        self._submits = Rates(self.limits.submits or 1)
        self._pages = Counter[str]()

    async def admit(self, visitors: Visitors, host: str, token: str) -> HelloReply:
        """Return what the coordinator says to a token from an address.

        Raises:
            Unauthenticated: it is none of its tokens, or there is none and one is wanted.
            TooMany: too many wrong ones came from there.
            TrainerError: the coordinator is away.
        """
        if self.demands_tokens and not token:
            raise Unauthenticated("this is not for everybody: show a token, as in `Authorization: Bearer rh_...`")
        counts = bool(token) and not is_loopback(host)
        if counts:
            _check(self._wrong.wait_s(host, monotonic()), f"too many wrong tokens came from {host}")
        try:
            if token:
                id_of(token)
            return await visitors.of(token).door.greeting()
        except Unauthenticated:
            if counts:
                self._wrong.take(host, monotonic())
            raise

    def pace(self, host: str, token: str, method: str, path: str) -> None:
        """Raise TooMany if this request is one too many; who is on this machine is not counted."""
        if is_loopback(host):
            return
        who, now = user(host, token), monotonic()
        if self.limits.requests:
            _check(self._requests.take(who, now), "that are too many requests in a minute (--requests-per-minute)")
        if self.limits.submits and method == "POST" and path in _SUBMITS:
            _check(self._submits.take(who, now), "that is too much work in a minute (--submits-per-minute)")

    @contextmanager
    def page(self, host: str, token: str) -> Iterator[None]:
        """Count one page more that is open, as long as it is.

        Raises:
            TooMany: there are as many as one may have; who is on this machine may have any number.
        """
        who = "" if is_loopback(host) else user(host, token)
        if who and 0 < self.limits.pages <= self._pages[who]:
            raise TooMany(f"{self.limits.pages} pages are open by one (--pages-per-user); close some", 10)
        self._pages[who] += 1
        try:
            yield
        finally:
            self._pages[who] -= 1
            if not self._pages[who]:
                del self._pages[who]


def user(host: str, token: str) -> str:
    """Whom is counted: whoever has a token, from wherever they come; of all others their address."""
    return digest_of(token) if token else host


def _check(wait_s: float, what: str) -> None:
    if wait_s:
        raise TooMany(f"{what}; try again in {ceil(wait_s)} s", ceil(wait_s))
