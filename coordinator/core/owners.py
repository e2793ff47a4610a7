"""Owners of work: how much service each had for its share, so that who had least is served next.

Fair queueing by start time (Goyal, Vin and Cheng 1996): who comes anew starts where the one served last stands, so
that nobody saves up service by staying away.
"""

from __future__ import annotations

from collections.abc import Mapping

FIRST_GUESS_S = 0.001  # of a task nothing is known about: enough for owners to take turns


class Owner:
    """One owner. `service` is in slot-seconds divided by the share, and only ever grows.

    Attributes:
        n_open: works that have not ended.
        most: works that may have a place at once; 0: any number.
        holds: ids of those that have one; kept where there is a limit.
    """

    def __init__(self, name: str, share: float, most: int = 0) -> None:
        self.name = name
        self.service = 0.0
        self.n_open = 0
        self.most = most
        self.holds: set[str] = set()
        self._share = share
        self._credit = 0.0  # charged too much: the next charges are less

    def has_room_for(self, work_id: str) -> bool:
        """Whether this work may have a place, or has one."""
        return not self.most or work_id in self.holds or len(self.holds) < self.most

    def charge(self, seconds: float) -> None:
        """Count slot-seconds that a task will need, or has needed beyond what was guessed."""
        cost = seconds / self._share - self._credit
        if cost > 0.0:
            self.service += cost
            self._credit = 0.0
        else:
            self._credit = -cost

    def settle(self, charged: float, used: float) -> None:
        """A task is over: it was charged for so many seconds, and used so many."""
        if used > charged:
            self.charge(used - charged)
        else:
            self._credit += (charged - used) / self._share


class Owners:
    """Everybody who has work. `shares` are weights by name; who is not named there has 1."""

    def __init__(self, shares: Mapping[str, float], most: int = 0) -> None:
        """`most` is how many works of one owner may have a place at once; 0: any number."""
        self._shares = shares
        self._most = most
        self._owners: dict[str, Owner] = {}
        self._reached = 0.0  # service of the owner served last

    def joins(self, name: str) -> Owner:
        """Return the owner, who has one more work."""
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = Owner(name, self._shares.get(name, 1.0), self._most)
        if not owner.n_open:
            owner.service = max(owner.service, self._reached)
        owner.n_open += 1
        return owner

    def leaves(self, owner: Owner) -> None:
        """A work of the owner has ended; owners are forgotten when that changes nothing for them."""
        owner.n_open -= 1
        if not owner.n_open and owner.service <= self._reached:
            del self._owners[owner.name]

    def serve(self, owner: Owner, seconds: float) -> None:
        """The owner is the one served next, with a task that will take so long as far as anybody knows."""
        if owner.service > self._reached:
            self._reached = owner.service
        owner.charge(seconds)
