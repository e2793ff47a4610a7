"""Patience with a store that is away for a moment while the coordinator starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from rpc.errors import StoreDown

T = TypeVar("T")

_PAUSE_S, _PAUSE_MAX_S, _MORE = 0.2, 2.0, 1.5
_TELL_S = 10.0

logger = logging.getLogger(__name__)


def outlast(ask: Callable[[], T], patience_s: float) -> T:
    """Return what `ask` does, which is called again while the store is down; blocks meanwhile, and tells of it.

    Raises:
        StoreDown: it has been down for `patience_s`.
    """
    now = time.monotonic()
    give_up_at, tell_at, pause_s = now + patience_s, now, _PAUSE_S
    while True:
        try:
            answer = ask()
        except StoreDown as error:
            now = time.monotonic()
            if now + pause_s > give_up_at:
                raise StoreDown(f"{error}; it was not within {patience_s:g} s, --store-wait waits longer") from error
            if now >= tell_at:
                tell_at = now + _TELL_S
                logger.warning("%s; trying again for %.0f s", error, give_up_at - now)
        else:
            if pause_s > _PAUSE_S:
                logger.warning("the store is back")
            return answer
        time.sleep(pause_s)
        pause_s = min(_PAUSE_MAX_S, _MORE * pause_s)
