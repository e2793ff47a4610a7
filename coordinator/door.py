"""The one door: what comes in is known, allowed, paced and written down here; then the handler does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from coordinator.audit import Audit, subject_of
from coordinator.limits import Pace
from coordinator.owned_work import OwnedWork
from coordinator.permissions import (
    NO_TOKEN,
    OPEN,
    RULES,
    About,
    Identity,
    Rule,
    check,
    check_node,
    identity_of,
    introduce,
    operation_of,
    owner_for,
)
from coordinator.tokens import Tokens
from rpc.errors import TrainerError
from rpc.messages import Hello, HelloReply
from rpc.server import Caller, Later
from rpc.services import COORDINATOR


@dataclass(frozen=True, slots=True)
class Guards:
    """What the door asks and tells."""

    tokens: Tokens
    owned_work: OwnedWork
    pace: Pace
    audit: Audit


class Door:
    """Has the methods of the service, for which `desks` do what is asked; the first desk that has a method does it.

    Whoever shows no token is an admin, unless tokens are demanded. All runs on the loop's thread.
    """

    def __init__(self, guards: Guards, *desks: Any, demands_tokens: bool) -> None:
        self._guards = guards
        self._desks = desks
        self._stranger = None if demands_tokens else NO_TOKEN
        for name in COORDINATOR.methods:
            if name != "hello":
                desk = self._desk(name)
                setattr(self, name, desk if name in OPEN else partial(self._call, name, desk))

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        """Find out who calls.

        Raises:
            Unauthenticated: a token is demanded, or the one that is shown is none of ours.
            TooMany: too many wrong ones came from there.
        """
        guards = self._guards
        identity: Identity | None = None
        try:
            if hello.token:
                guards.pace.check_token(caller)
                identity = guards.tokens.admit(caller, hello.token)
            else:
                identity = self._stranger
                check(identity, "hello")
        except TrainerError as error:
            if hello.token:
                guards.pace.wrong_token(caller, error)
            guards.audit.failed(caller, None, "hello", hello.role, error)
            raise
        assert identity is not None
        introduce(caller, identity)
        reply: HelloReply = self._desk("hello")(caller, hello)
        return replace(reply, role=identity.role.value, owner=identity.owner)

    def _desk(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = next(
            getattr(desk, name) for desk in self._desks if callable(getattr(desk, name, None))
        )
        return found

    def _call(self, name: str, perform: Callable[..., Any], caller: Caller, *args: Any) -> Any:
        guards, identity, operation = self._guards, identity_of(caller, self._stranger), operation_of(name, args)
        rule = RULES[operation]
        try:
            check(identity, operation)
            assert identity is not None
            guards.pace.check(caller, identity, operation)
            args = self._own(identity, rule, args)
            guards.pace.check_quota(identity, operation, args)
            check_node(identity, operation, args)
        except TrainerError as error:
            guards.audit.failed(caller, identity, operation, subject_of(args), error)
            raise

        def answer() -> Any:
            return guards.owned_work.when_theirs(identity, rule.about, args, partial(perform, caller, *args))

        return self._written_down(caller, identity, operation, args, answer) if rule.changes else answer()

    def _own(self, identity: Identity, rule: Rule, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same arguments, new work in them being the caller's."""
        if rule.about is not About.SPEC:
            return args
        return (replace(args[0], owner=owner_for(identity, args[0].owner)), *args[1:])

    def _written_down(
        self, caller: Caller, identity: Identity, operation: str, args: tuple[Any, ...], perform: Callable[[], Any]
    ) -> Any:
        """What `perform` answers; once it is there it is written down how it went."""
        told = Later()

        def deliver(value: Any, error: Exception | None) -> None:
            if error is None:
                self._guards.audit.done(caller, identity, operation, subject_of(args, value))
                told.resolve(value)
            else:
                self._guards.audit.failed(caller, identity, operation, subject_of(args), error)
                told.fail(error)

        try:
            answer = perform()
        except TrainerError as error:
            deliver(None, error)
            raise
        if not isinstance(answer, Later):
            deliver(answer, None)
            return answer
        answer.then(deliver)
        return told
