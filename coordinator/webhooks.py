"""Who wants to be told by HTTP, and how far that has come; the telling is up to the web, a client like any other.

The events in the store are what waits to be told: each webhook keeps the number of the last one that it need not hear
of any more, so nothing is lost over restarts of either program.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from secrets import token_bytes, token_hex
from urllib.parse import urlsplit

from coordinator.recorder import Recorder
from coordinator.store.changes import WebhookKept, WebhookRemoved
from coordinator.views import Clock
from rpc.errors import BadRequest, NotFound, Refused
from rpc.messages import Webhook
from rpc.server import Caller, Later

STATES = ("running", "completed", "failed", "cancelled")

_MOST = 100
_MOST_CHARACTERS = 2000  # of a URL, and of a fault
_PREFIX = "whsec_"  # of secrets, as Standard Webhooks writes them
_SECRET_BYTES, _LEAST_BYTES, _MOST_BYTES = 32, 24, 64


class Webhooks:
    """Everything is called on the loop's thread."""

    def __init__(self, recorder: Recorder, clock: Clock, last_event: Callable[[], int]) -> None:
        """`last_event` tells the number of the newest event."""
        self._recorder = recorder
        self._clock = clock
        self._last_event = last_event
        self._known: dict[str, WebhookKept] = {}

    def recall(self, known: Iterable[WebhookKept]) -> None:
        """These were there before this start."""
        self._known.update((each.id, each) for each in known)

    def all(self, *, secrets: bool) -> tuple[Webhook, ...]:
        return tuple(_shown(each, secret=secrets) for each in self._known.values())

    def add(self, url: str, states: Sequence[str], secret: str, *, key: str = "") -> Later:
        """Tell a URL of what happens from now on; answered with the webhook and its secret, once a restart would know.

        Whoever says a key that was said before is answered with the webhook that was made then.

        Raises:
            BadRequest: the URL, a state or the secret is none.
            Refused: there are too many.
        """
        _check_url(url)
        if unknown := set(states) - {*STATES}:
            raise BadRequest(f"a webhook is told of {', '.join(STATES)}, not of {sorted(unknown)[0]!r}")
        if (known := self._known.get(_id_of(key))) is not None:
            return self._remembered(known, _shown(known, secret=True))
        if len(self._known) >= _MOST:
            raise Refused(f"there are {_MOST} webhooks; remove one first")
        made = WebhookKept(
            id=_id_of(key),
            url=url,
            states=tuple(each for each in STATES if not states or each in states),
            secret=_checked(secret) if secret else _PREFIX + base64.b64encode(token_bytes(_SECRET_BYTES)).decode(),
            made_ms=self._clock.now_ms(),
            last=self._last_event(),
        )
        self._known[made.id] = made
        return self._remembered(made, _shown(made, secret=True))

    def remove(self, name: str) -> Later:
        """Tell it no more; NotFound if there is none of that id."""
        del self._known[self._find(name).id]
        return self._remembered(WebhookRemoved(name), None)

    def note(self, name: str, last: int, fault: str) -> Later:
        """It was told up to an event's number, or cannot be; NotFound if it was removed meanwhile."""
        known = self._find(name)
        self._known[name] = replace(known, last=max(known.last, last), fault=fault[:_MOST_CHARACTERS])
        return self._remembered(self._known[name], None)

    def _find(self, name: str) -> WebhookKept:
        known = self._known.get(name)
        if known is None:
            raise NotFound(f"no webhook is called {name!r}; `client.py webhooks list` lists them")
        return known

    def _remembered(self, change: WebhookKept | WebhookRemoved, answer: Webhook | None) -> Later:
        later = Later()
        self._recorder.add(change, done=lambda late: later.resolve(answer), at_once=True)
        return later


class WebhookCalls:
    """What the calls about webhooks do: a part of the coordinator's handler."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def add_webhook(
        self, caller: Caller, url: str, states: tuple[str, ...], secret: str, key: str | None = None
    ) -> Later:
        return self._webhooks.add(url, states, secret, key=key or "")

    def list_webhooks(self, caller: Caller, secrets: bool) -> tuple[Webhook, ...]:
        return self._webhooks.all(secrets=secrets)

    def remove_webhook(self, caller: Caller, id: str) -> Later:
        return self._webhooks.remove(id)

    def note_delivery(self, caller: Caller, id: str, last: int, fault: str) -> Later:
        return self._webhooks.note(id, last, fault)


def _id_of(key: str) -> str:
    """The same for the same key, which need not be stored for that."""
    return f"webhook-{sha256(key.encode()).hexdigest()[:8] if key else token_hex(4)}"


def _shown(kept: WebhookKept, *, secret: bool) -> Webhook:
    shown = kept.secret if secret else ""
    return Webhook(kept.id, kept.url, kept.states, shown, kept.made_ms, kept.last, kept.fault)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or len(url) > _MOST_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise BadRequest(f"{url[:100]!r} is no URL that can be told; it must be http://HOST... or https://HOST...")


def _checked(secret: str) -> str:
    """A secret that somebody chose; BadRequest if it is not one."""
    try:
        size = len(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except binascii.Error:
        size = 0
    if not (secret.startswith(_PREFIX) and _LEAST_BYTES <= size <= _MOST_BYTES):
        raise BadRequest(f"a secret is {_PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} bytes in base64; or leave it out")
    return secret
