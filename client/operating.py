"""What operators ask of a coordinator: nodes, schedules, webhooks, tokens. A part of the Python API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from client.keys import new_key
from client.link import Link
from client.owners import owned
from rpc.errors import NotFound
from rpc.messages import AuditRow, NodeRow, Schedule, ScriptSpec, Token, Webhook
from rpc.nearest import unknown

Order: TypeAlias = Literal["drain", "resume", "remove", "readmit"]  # what may be wanted of a node


class Operating:
    """Nodes, schedules, webhooks and tokens of one coordinator."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def link(self) -> Link:
        """The connection itself."""
        return self._link

    def nodes(self) -> tuple[NodeRow, ...]:
        """Return the coordinator's nodes."""
        rows: tuple[NodeRow, ...] = self._link.call_again("list_nodes")
        return rows

    def node(self, name: str) -> NodeRow:
        """Return a node by its id, name or identity; NotFound if there is none, or several are called so."""
        rows = self.nodes()
        found = [row for row in rows if row.id == name] or [row for row in rows if name in (row.name, row.identity)]
        if len(found) > 1:
            raise NotFound(f"several nodes are called {name!r}; `client.py nodes list` lists them with their ids")
        if not found:
            raise unknown("node", name, {each for row in rows for each in (row.id, row.name) if each})
        return found[0]

    def add_node(self, address: str) -> NodeRow:
        """Have the coordinator dial a node that listens at `HOST:PORT` from now on."""
        row: NodeRow = self._link.call_again("add_node", address)
        return row

    def order_node(self, name: str, order: Order, reason: str = "") -> NodeRow:
        """Give an order about a node.

        `drain`: it finishes what runs and gets nothing new. `remove`: it goes now, and is not taken back by
        itself. `resume`: neither holds any more. `readmit`: its quarantine is over.

        Raises:
            NotFound: no node has this id, name or identity.
        """
        row: NodeRow = self._link.call_again("order_node", name, order, reason)
        return row

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return who is told by HTTP when work changes its state, without the secrets."""
        known: tuple[Webhook, ...] = self._link.call_again("list_webhooks", False)
        return known

    def add_webhook(self, url: str, *, states: Sequence[str] = (), secret: str = "") -> Webhook:
        """Have a URL told; return the webhook with the secret that signs (made, where none is given)."""
        made: Webhook = self._link.call_again("add_webhook", url, tuple(states), secret, new_key())
        return made

    def remove_webhook(self, name: str) -> None:
        """Tell it no more; NotFound if there is none."""
        self._link.call("remove_webhook", name)

    def tokens(self) -> tuple[Token, ...]:
        """Return all tokens, without their secrets."""
        known: tuple[Token, ...] = self._link.call_again("list_tokens")
        return known

    def create_token(self, role: str, *, owner: str = "", name: str = "", expires_ms: int = 0, node: str = "") -> Token:
        """Make a token; return it with its secret, which nobody is told again.

        Args:
            role: viewer, submitter, operator, admin or node.
            owner: of the work that is submitted with it; a submitter sees that alone.
            name: what it is for.
            expires_ms: when, since 1970; 0: never.
            node: identity of the one node that it is for; empty: any.
        """
        made: Token = self._link.call("create_token", role, owner, name, expires_ms, node)
        return made

    def revoke_token(self, token_id: str) -> Token:
        """Take a token back; return it. NotFound if there is none."""
        told: Token = self._link.call_again("revoke_token", token_id)
        return told

    def authority(self) -> bytes:
        """Return the certificate of the coordinator's own authority (PEM); empty if it has none."""
        return bytes(self._link.call_again("authority"))

    @property
    def is_secured(self) -> bool:
        """Whether the coordinator is called inside TLS."""
        return self._link.is_secured

    def audit(self, *, limit: int = 100, before: int = 0) -> tuple[AuditRow, ...]:
        """Return who did what, and was refused what, the newest first; with `before` those of lower numbers."""
        rows: tuple[AuditRow, ...] = self._link.call_again("list_audit", before, limit)
        return rows

    def add_schedule(self, spec: ScriptSpec, cron: str, *, zone: str = "UTC", overlaps: bool = False) -> Schedule:
        """Have a job, whose files the coordinator holds, started at the times of a cron expression from now on.

        Args:
            spec: with a key, the schedule that its owner made with it before is meant.
            cron: five fields, or a name such as `@daily`.
            zone: the time zone of its times.
            overlaps: start it also while the one before still runs.

        Raises:
            BadRequest: the expression or the zone is none.
        """
        spec = owned(spec if spec.key else replace(spec, key=new_key()), self._link)
        made: Schedule = self._link.call_again("add_schedule", spec, cron, zone, overlaps)
        return made

    def schedules(self) -> tuple[Schedule, ...]:
        """Return the jobs that are started again and again."""
        known: tuple[Schedule, ...] = self._link.call_again("list_schedules")
        return known

    def schedule(self, name: str) -> Schedule:
        """Return a schedule by its id; NotFound if there is none."""
        known = {each.id: each for each in self.schedules()}
        if name not in known:
            raise unknown("schedule", name, known)
        return known[name]

    def order_schedule(self, name: str, order: Literal["pause", "resume", "remove"]) -> Schedule:
        """Give an order about a schedule; return what it is now, or was.

        Raises:
            NotFound: none has this id.
        """
        told: Schedule = self._link.call_again("order_schedule", name, order)
        return told
