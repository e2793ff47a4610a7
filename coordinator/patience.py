"""Patience with a store that is away for a moment while the coordinator starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from rpc.errors import StoreDown

T = TypeVar("T")

_PAUSE_S = 0.2

logger = logging.getLogger(__name__)


def outlast(ask: Callable[[], T], patience_s: float = 30.0) -> T:
    """Return what `ask` does, which is called again while the store is down; blocks meanwhile.

    Raises:
        StoreDown: it has been down for `patience_s`.
    """
    give_up_at = time.monotonic() + patience_s
    is_told = False
    while True:
        try:
            return ask()
        except StoreDown as error:
            if time.monotonic() + _PAUSE_S > give_up_at:
                raise
            if not is_told:
                logger.warning("%s; trying again for %g s", error, patience_s)
                is_told = True
        time.sleep(_PAUSE_S)
