"""The tokens of a coordinator: whose they are, made, revoked; who shows one is known by it as long as it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from coordinator.permissions import Identity, Role
from coordinator.store.changes import Change
from coordinator.store.identity_changes import TokenKept, TokenRemoved
from coordinator.views import Clock
from rpc.errors import BadRequest, NotFound, Refused, Unauthenticated
from rpc.loop import Loop, Timer
from rpc.messages import Token
from rpc.run_spec import MAX_NAME
from rpc.server import Caller, Later
from rpc.tokens import NewToken, digest_of, id_of, is_same, make_token

ROLES = (Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, Role.ADMIN, Role.NODE)  # that tokens are made for

_MOST = 10_000
_LONGEST_LOOK_S = 3600.0
_USED_MS = 600_000  # between two notes of when a token was shown last
_KEPT_MS = 30 * 86_400_000  # those that are over stay on the list for so long
_NOBODYS = "0" * 64  # digest of no token


class Remember(Protocol):
    """Commits changes, and says so; at once, or with what else is committed soon."""

    def __call__(self, done: Callable[[], None], *changes: Change, at_once: bool = True) -> None: ...


class Tokens:
    """Everything is called on the loop's thread."""

    def __init__(self, loop: Loop, remember: Remember, clock: Clock) -> None:
        self._loop = loop
        self._remember = remember
        self._clock = clock
        self._known: dict[str, TokenKept] = {}
        self._own: dict[str, TokenKept] = {}  # of this process alone
        self._callers: dict[str, set[Caller]] = {}  # by the token that they have shown
        self._look_timer: Timer | None = None

    def recall(self, known: Iterable[TokenKept]) -> None:
        """These were there before this start."""
        self._known.update((each.id, each) for each in known)

    def issue_own(self, role: Role) -> str:
        """Return a token that only this process knows, and that ends with it."""
        made = make_token()
        self._own[made.id] = kept_of(made, role, made_ms=self._clock.now_ms())
        return made.text

    def admit(self, caller: Caller, token: str) -> Identity:
        """Return who shows a token; the connection is closed when that holds no more.

        Raises:
            Unauthenticated: it is not one of ours, was revoked, or has expired.
        """
        token_id, now_ms = id_of(token), self._clock.now_ms()
        kept = self._known.get(token_id) or self._own.get(token_id)
        if not is_same(token, kept.digest if kept else _NOBODYS) or kept is None:
            raise Unauthenticated(f"nobody here knows the token {token_id}; ask an admin for another")
        if why := _ended(kept, now_ms):
            raise Unauthenticated(f"the token {token_id} {why}; ask an admin for another")
        self._note_use(kept, now_ms)
        callers = self._callers.setdefault(token_id, set())
        if caller not in callers:
            callers.add(caller)
            caller.on_closed(lambda: self._gone(token_id, caller))
        self._look()
        return Identity(Role(kept.role), kept.owner, token_id, kept.node)

    def holds(self, token_id: str) -> bool:
        """Whether somebody who shows it now is let in."""
        kept = self._known.get(token_id)
        return kept is not None and not _ended(kept, self._clock.now_ms())

    def create(self, role: str, *, owner: str, name: str, expires_ms: int, node: str) -> Later:
        """Make a token; answered with it and its secret once a restart would know it.

        Raises:
            BadRequest: such a token makes no sense.
            Refused: there are too many.
        """
        now_ms = self._clock.now_ms()
        _check_wish(role, owner=owner, name=name, node=node)
        if expires_ms and expires_ms <= now_ms:
            raise BadRequest("a token cannot expire before it is made")
        dropped = [each.id for each in self._known.values() if _is_long_over(each, now_ms)]
        if len(self._known) - len(dropped) >= _MOST:
            raise Refused(f"there are {_MOST:,} tokens; revoke some, and wait until they are off the list")
        for token_id in dropped:
            del self._known[token_id]
        made = make_token()
        kept = kept_of(made, Role(role), owner=owner, name=name, node=node, made_ms=now_ms, expires_ms=expires_ms)
        self._known[made.id] = kept
        told = replace(shown(kept), secret=made.text)
        return self._remembered(told, *map(TokenRemoved, dropped), kept)

    def all(self) -> tuple[Token, ...]:
        """All of them, without their secrets, which nobody knows."""
        return tuple(map(shown, self._known.values()))

    def revoke(self, token_id: str, caller: Caller) -> Later:
        """Take a token back: from now on nobody is known by it; answered with it once a restart would know.

        All connections that have shown it are closed, that of the caller once it is answered.

        Raises:
            NotFound: there is none of this id.
        """
        kept = self._known.get(token_id)
        if kept is None:
            raise NotFound(f"no token is called {token_id!r}; `client.py token list` lists them")
        if not kept.revoked_ms:
            kept = self._known[token_id] = replace(kept, revoked_ms=self._clock.now_ms())
        self._close_all(token_id, but=caller)
        later = Later()

        def remembered() -> None:
            later.resolve(shown(kept))
            self._close_all(token_id)  # the answer is on its way

        self._remember(remembered, kept)
        return later

    def _close_all(self, token_id: str, *, but: Caller | None = None) -> None:
        for caller in [*self._callers.get(token_id, ())]:
            if caller is not but:
                caller.close()

    def _gone(self, token_id: str, caller: Caller) -> None:
        callers = self._callers[token_id]
        callers.discard(caller)
        if not callers:
            del self._callers[token_id]

    def _look(self) -> None:
        """Close the connections of what has expired, and look again when the next one does."""
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None
        now_ms = self._clock.now_ms()
        shown_now = [each for each in map(self._known.get, [*self._callers]) if each is not None and each.expires_ms]
        for each in shown_now:
            if each.expires_ms <= now_ms:
                self._close_all(each.id)
        waits = [each.expires_ms - now_ms for each in shown_now if each.expires_ms > now_ms]
        if waits:
            self._look_timer = self._loop.call_later(min(_LONGEST_LOOK_S, min(waits) / 1000.0 + 0.01), self._look)

    def _note_use(self, kept: TokenKept, now_ms: int) -> None:
        if kept.id in self._known and now_ms - kept.used_ms > _USED_MS:
            self._known[kept.id] = replace(kept, used_ms=now_ms)
            self._remember(lambda: None, self._known[kept.id], at_once=False)

    def _remembered(self, answer: Token, *changes: Change) -> Later:
        later = Later()
        self._remember(lambda: later.resolve(answer), *changes)
        return later


class TokenCalls:
    """What the calls about tokens do: a part of the coordinator's door."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def create_token(self, caller: Caller, role: str, owner: str, name: str, expires_ms: int, node: str) -> Later:
        return self._tokens.create(role, owner=owner, name=name, expires_ms=expires_ms, node=node)

    def list_tokens(self, caller: Caller) -> tuple[Token, ...]:
        return self._tokens.all()

    def revoke_token(self, caller: Caller, id: str) -> Later:
        return self._tokens.revoke(id, caller)


def kept_of(
    made: NewToken, role: Role, *, made_ms: int, owner: str = "", name: str = "", node: str = "", expires_ms: int = 0
) -> TokenKept:
    """What is kept of a new token."""
    return TokenKept(made.id, digest_of(made.text), role.value, owner, name, node, made_ms, expires_ms)


def shown(kept: TokenKept) -> Token:
    """What people are told of a token."""
    return Token(
        kept.id, kept.role, kept.owner, kept.name, kept.node,
        kept.made_ms, kept.expires_ms, kept.used_ms, kept.revoked_ms,
    )  # fmt: skip


def _check_wish(role: str, *, owner: str, name: str, node: str) -> None:
    """Raise BadRequest if there is no such role, or it lacks something."""
    if role not in ROLES:
        raise BadRequest(f"no role is called {role!r}; there are {', '.join(ROLES)}")
    if role == Role.SUBMITTER and not owner:
        raise BadRequest("a submitter's work has an owner: name one with --owner")
    if node and role != Role.NODE:
        raise BadRequest(f"a token of the role {role} serves no node; leave --node out")
    for what, text in (("owner", owner), ("name", name), ("node", node)):
        if len(text) > MAX_NAME or not text.isprintable():
            raise BadRequest(f"the {what} must be at most {MAX_NAME} printable characters")


def _ended(kept: TokenKept, now_ms: int) -> str:
    """Why a token holds no more; empty: it does."""
    if kept.revoked_ms:
        return "was revoked"
    return "has expired" if 0 < kept.expires_ms <= now_ms else ""


def _is_long_over(kept: TokenKept, now_ms: int) -> bool:
    ended_ms = kept.revoked_ms or kept.expires_ms
    return 0 < ended_ms < now_ms - _KEPT_MS
