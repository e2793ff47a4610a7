"""How often somebody may do something: a bucket for each, which every time empties a little and fills evenly."""

from __future__ import annotations

from collections.abc import Hashable

_MOST = 10_000  # buckets that are kept


class Rates:
    """So many in a minute for each key, all of them at once if need be (token bucket, as in ITU-T I.371 annex A).

    Times are seconds on any clock that does not go back.
    """

    def __init__(self, per_minute: float, *, at_once: float = 0.0) -> None:
        """`at_once`: how many of them, where that is not a minute's."""
        self._most = at_once or per_minute
        self._per_s = per_minute / 60.0
        self._buckets: dict[Hashable, tuple[float, float]] = {}  # what was left, and when

    def wait_s(self, key: Hashable, now: float, amount: float = 1.0) -> float:
        """Return in how many seconds so many may be done, or as many as ever at once; 0: now. Takes nothing."""
        return max(0.0, (min(amount, self._most) - self._left(key, now)) / self._per_s)

    def take(self, key: Hashable, now: float, amount: float = 1.0) -> float:
        """Do it so many times, if it may be done; returns as `wait_s`."""
        left = self._left(key, now)
        if left < amount:
            return (amount - left) / self._per_s
        self._buckets.pop(key, None)  # so that the first one in order is the oldest
        self._buckets[key] = (left - amount, now)
        if len(self._buckets) > _MOST:
            self._forget(now)
        return 0.0

    def _left(self, key: Hashable, now: float) -> float:
        left, since = self._buckets.get(key, (self._most, now))
        return min(self._most, left + (now - since) * self._per_s)

    def _forget(self, now: float) -> None:
        """Drop what is full again, and the oldest if nothing is."""
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if self._left(key, now) < self._most}
        if len(self._buckets) > _MOST:
            del self._buckets[next(iter(self._buckets))]
