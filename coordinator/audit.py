"""Who did what, and who was refused it: written down with what else is committed, and read again for admins."""

from __future__ import annotations

from typing import Any

from coordinator.permissions import Identity
from coordinator.store.identity_changes import Audited
from coordinator.store.reading import Reader
from coordinator.tokens import Remember
from coordinator.views import Clock
from rpc.aside import Aside
from rpc.errors import BadRequest, TrainerError
from rpc.messages import AuditRow, Join, Token
from rpc.rates import Rates
from rpc.server import Caller, Later

DONE = "done"

_MOST = 1000  # rows of one answer
_MOST_CHARACTERS = 500  # of what a row is about
# Of one token and address: who is refused again and again, for weeks perhaps, must not push out all else.
_REFUSALS, _THEN_A_MINUTE = 60, 1


class Audit:
    """The log. Everything is called on the loop's thread."""

    def __init__(self, remember: Remember, clock: Clock) -> None:
        self._remember = remember
        self._clock = clock
        self._refusals = Rates(_THEN_A_MINUTE, at_once=_REFUSALS)

    def done(self, caller: Caller, identity: Identity, operation: str, subject: str) -> None:
        """A call that changes something went well."""
        self._add(caller, identity, operation, subject, DONE)

    def failed(self, caller: Caller, identity: Identity | None, operation: str, subject: str, error: Exception) -> None:
        """A call was refused, or one that would change something failed."""
        who = (caller.host, identity.token if identity else "")
        if not self._refusals.take(who, self._clock.read()):
            code = error.code if isinstance(error, TrainerError) else "internal"
            self._add(caller, identity, operation, subject, code)

    def _add(self, caller: Caller, identity: Identity | None, operation: str, subject: str, outcome: str) -> None:
        token, owner, role = ("", "", "") if identity is None else (identity.token, identity.owner, identity.role.value)
        row = Audited(
            self._clock.now_ms(), token, owner, role, caller.peer, operation, subject[:_MOST_CHARACTERS], outcome
        )
        self._remember(lambda: None, row, at_once=False)


class AuditCalls:
    """What the calls about the log do: a part of the coordinator's door."""

    def __init__(self, reader: Reader, questions: Aside) -> None:
        self._reader = reader
        self._audit_thread = questions

    def list_audit(self, caller: Caller, before: int, limit: int) -> Later:
        if not 1 <= limit <= _MOST:
            raise BadRequest(f"limit must be from 1 to {_MOST:,}, not {limit}")
        return self._audit_thread.later(lambda: self._page(before, limit))

    def _page(self, before: int, limit: int) -> tuple[AuditRow, ...]:
        return self._reader.audit(before=before, limit=limit)


def subject_of(args: tuple[Any, ...], answer: Any = None) -> str:
    """Return what a call is about, in words: what it made, else what it names."""
    for each in (answer, *args[:1]):
        if isinstance(each, str):
            return each
        if isinstance(each, Token):
            return f"{each.id} ({each.role} {each.owner or each.name or each.node})".replace(" )", ")")
        if isinstance(each, Join):
            return each.node
        if isinstance(each, tuple) and all(isinstance(one, str) for one in each):
            return " ".join(each)
        if isinstance(name := getattr(each, "id", getattr(each, "name", None)), str):
            return name
    return ""
