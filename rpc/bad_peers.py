"""What bad peers did, in the log: one line per address per minute, however often they come."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

_QUIET_S = 60.0
_MAX_ADDRESSES = 1024


class BadPeers:
    """Logs the first complaint about an address in each minute and counts the others."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._swallowed = 0

    def note(self, address: str, complaint: str, now: float) -> bool:
        """Log the complaint unless the address had its line; returns whether it was logged."""
        if self._until.get(address, 0.0) > now:
            self._swallowed += 1
            return False
        if len(self._until) >= _MAX_ADDRESSES:
            self._forget(now)
        self._until[address] = now + _QUIET_S
        logger.warning("%s (%d more since the last such line)", complaint, self._swallowed)
        self._swallowed = 0
        return True

    def _forget(self, now: float) -> None:
        self._until = {address: until for address, until in self._until.items() if until > now}
        if len(self._until) >= _MAX_ADDRESSES:
            del self._until[next(iter(self._until))]
