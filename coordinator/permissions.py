"""Who may do what: one table of all that can be asked of a coordinator, over Thrift and so over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any

from rpc.errors import Forbidden, Unauthenticated
from rpc.server import Caller


class Role(StrEnum):
    """What a token is for. Each of the first four may do what those before it may, but that a submitter sees its own
    work alone; NODE and WEB stand apart: a node joins, the coordinator's own web server tells webhooks.
    """

    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    ADMIN = "admin"
    NODE = "node"
    WEB = "web"


class About(Enum):
    """Whose a call is about, for callers who see their own work alone, and where in its arguments that stands."""

    NOBODY = auto()
    WORK = auto()  # the first is the id of a work
    WORKS = auto()  # the first is several of them
    TASK = auto()  # the last is the id of a work or task
    SPEC = auto()  # the first is new work, which gets the caller's owner
    SCOPED = auto()  # the method itself finds the caller's own alone


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may do something, and whether it changes anything, which is written down."""

    roles: frozenset[Role]
    about: About = About.NOBODY
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls. Attributes: owner, of what it submits; token, its id; node, the one that it serves (empty: any)."""

    role: Role
    owner: str = ""
    token: str = ""
    node: str = ""

    @property
    def sees_only(self) -> str | None:
        """The owner whose work it sees alone; None: it sees all."""
        return self.owner if self.role is Role.SUBMITTER else None


NO_TOKEN = Identity(Role.ADMIN)  # where none is demanded

_IDENTITY = "identity"  # where a caller keeps its own
_ADMIN = frozenset({Role.ADMIN})
_OPERATOR = _ADMIN | {Role.OPERATOR}
_SUBMITTER = _OPERATOR | {Role.SUBMITTER}
_VIEWER = _SUBMITTER | {Role.VIEWER}
_WEB = frozenset({Role.WEB})

OPEN = frozenset({"authority"})  # to anybody, whoever that is

RULES: Mapping[str, Rule] = {
    "hello": Rule(frozenset(Role)),
    "authority": Rule(frozenset(Role)),
    "train": Rule(_SUBMITTER, changes=True),
    "submit_run": Rule(_SUBMITTER, About.SPEC, changes=True),
    "submit_script": Rule(_SUBMITTER, About.SPEC, changes=True),
    "verify_run": Rule(_SUBMITTER, About.WORK, changes=True),
    "add_schedule": Rule(_SUBMITTER, About.SPEC, changes=True),
    "order_schedule": Rule(_SUBMITTER, About.SCOPED, changes=True),
    "cancel_work": Rule(_SUBMITTER, About.WORK, changes=True),
    "remove_work": Rule(_SUBMITTER, About.WORKS, changes=True),
    "put_blob": Rule(_SUBMITTER),
    # Nobody guesses the name of a blob: who knows it was told of it, or has its bytes.
    "get_blob": Rule(_VIEWER),
    "get_work": Rule(_VIEWER, About.WORK),
    "get_work_since": Rule(_VIEWER, About.WORK),
    "get_spec": Rule(_VIEWER, About.WORK),
    "list_checkpoints": Rule(_VIEWER, About.WORK),
    "list_metrics": Rule(_VIEWER, About.WORK),
    "list_attempts": Rule(_VIEWER, About.WORK),
    "logs": Rule(_VIEWER, About.WORK),
    "watch": Rule(_VIEWER, About.WORK),
    "why": Rule(_VIEWER, About.TASK),
    "list_work": Rule(_VIEWER, About.SCOPED),
    "page_work": Rule(_VIEWER, About.SCOPED),
    "find_work": Rule(_VIEWER | _WEB, About.SCOPED),
    "list_schedules": Rule(_VIEWER, About.SCOPED),
    "list_events": Rule(_VIEWER | _WEB, About.SCOPED),
    "overview": Rule(_VIEWER, About.SCOPED),
    "glance": Rule(_VIEWER | _WEB, About.SCOPED),
    "list_nodes": Rule(_VIEWER),
    "add_node": Rule(_OPERATOR, changes=True),
    "order_node": Rule(_OPERATOR, changes=True),
    "order_node remove": Rule(_ADMIN, changes=True),
    "join": Rule(_ADMIN | {Role.NODE}, changes=True),
    "join slot": Rule(_ADMIN | {Role.NODE}),  # follows the other one, and is not news
    "add_webhook": Rule(_ADMIN, changes=True),
    "remove_webhook": Rule(_ADMIN, changes=True),
    "list_webhooks": Rule(_ADMIN | _WEB),
    "note_delivery": Rule(_ADMIN | _WEB),
    "create_token": Rule(_ADMIN, changes=True),
    "revoke_token": Rule(_ADMIN, changes=True),
    "list_tokens": Rule(_ADMIN),
    "list_audit": Rule(_ADMIN),
}


def introduce(caller: Caller, identity: Identity) -> None:
    """From now on it is known who calls on this connection."""
    caller.attributes[_IDENTITY] = identity


def identity_of(caller: Caller, stranger: Identity | None = NO_TOKEN) -> Identity | None:
    """Return who calls, or `stranger` for who has shown no token."""
    known: Identity | None = caller.attributes.get(_IDENTITY, stranger)
    return known


def sees_only(caller: Caller) -> str | None:
    """Return the owner whose work the caller sees alone; None: it sees all."""
    identity = identity_of(caller)
    return None if identity is None else identity.sees_only


def owner_of(caller: Caller) -> str:
    """Return the owner of what the caller submits and nobody names one for."""
    identity = identity_of(caller)
    return "" if identity is None else identity.owner


def token_of(caller: Caller) -> str:
    """Return the id of the token that the caller has shown; empty where none is demanded."""
    identity = identity_of(caller)
    return "" if identity is None else identity.token


def operation_of(method: str, args: tuple[Any, ...]) -> str:
    """Return what a call is called in the table: its method, but that some are of two kinds."""
    if method == "order_node" and args[1] == "remove":
        return "order_node remove"
    if method == "join" and args[0].connection == "slot":
        return "join slot"
    return method


def check(identity: Identity | None, operation: str) -> None:
    """Return if the caller may do this.

    Raises:
        Unauthenticated: nobody knows who it is.
        Forbidden: it may not; says who may.
    """
    if identity is None:
        raise Unauthenticated(
            "this coordinator wants to know who asks: show a token, by --token-file FILE, the variable"
            " ROUNDHOUSE_TOKEN_FILE or `client.py login`; `client.py token create` makes one for you, run by an admin"
        )
    roles = RULES[operation].roles
    if identity.role not in roles:
        may = ", ".join(role.value for role in Role if role in roles)
        raise Forbidden(f"{operation} is not for the role {identity.role.value} of this token, but for {may}")


def check_node(identity: Identity, operation: str, args: tuple[Any, ...]) -> None:
    """Raise Forbidden if the caller joins as another node than the one that its token is for."""
    if operation in ("join", "join slot") and identity.node not in ("", args[0].node):
        raise Forbidden(f"this token is for the node {identity.node}, not for {args[0].node}")


def owner_for(identity: Identity, named: str) -> str:
    """Return the owner of new work, of which its specification names this one, or none.

    Raises:
        Forbidden: it names another than the caller's.
    """
    if identity.sees_only is not None and named not in ("", identity.owner):
        raise Forbidden(f"this token submits work of {identity.owner}, not of {named}; leave the owner out")
    return named or identity.owner
