"""Which nodes belong to this coordinator: those of the list, those that were added, and those that have joined."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from coordinator.core.events import Event, NodeOrder, Ordered
from coordinator.core.pool import NodePool
from coordinator.lines import Address
from coordinator.nodes import NodeLink
from coordinator.sessions import Surroundings
from coordinator.store.changes import NodeSeen
from rpc.addresses import split_address
from rpc.errors import BadRequest, NotFound, Refused
from rpc.messages import Join
from rpc.node_identity import identity_of
from rpc.server import Later, Reversal
from rpc.transport import Connection

logger = logging.getLogger(__name__)

# What people may have decided of a node, as it is shown and remembered.
DRAINED = "drained"
REMOVED = "removed"


class Source(StrEnum):
    """How a node became known."""

    LISTED = "listed"
    ADDED = "added"
    JOINED = "joined"


@dataclass(slots=True, eq=False)
class Member:
    """A node that belongs here, or once did and was removed.

    Attributes:
        is_listed: the list of nodes names it now.
        reason: why somebody drained it.
        labels: what was known of it before this start.
    """

    link: NodeLink
    source: Source
    address: str
    is_listed: bool = False
    is_drained: bool = False
    is_removed: bool = False
    reason: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_unlisted(self) -> bool:
        """Whether it was known by the list alone, and its line was taken out."""
        return self.source is Source.LISTED and not self.is_listed


class Membership:
    """All members by id. What people decide of a node holds over its connections. All runs on the loop's thread."""

    def __init__(
        self,
        around: Surroundings,
        pool: NodePool,
        rng: Random,
        *,
        post: Callable[[Event], None],
        changed: Callable[[Member], None],
    ) -> None:
        """Events go to `post`; `changed` hears of every member that came, went, or of which something was decided."""
        self._around = around
        self._pool = pool
        self._rng = rng
        self._post = post
        self._changed = changed
        self._members: dict[str, Member] = {}

    def __iter__(self) -> Iterator[Member]:
        """The members that are not removed, in the order in which they came."""
        return (member for member in self._members.values() if not member.is_removed)

    @property
    def everyone(self) -> Iterator[Member]:
        """The members, and those that somebody has removed."""
        return (member for member in self._members.values() if not member.is_unlisted)

    def __getitem__(self, node_id: str) -> Member:
        return self._members[node_id]

    def link(self, node_id: str) -> NodeLink:
        """The link to a node there ever was."""
        return self._members[node_id].link

    def recall(self, known: Iterable[NodeSeen]) -> None:
        """Take in what was told of nodes before this start; before anything else."""
        for seen in known:
            address = None if seen.source == Source.JOINED else parse_address(seen.id)
            member = self._member(seen.id, address, Source(seen.source))
            member.is_listed = member.source is Source.LISTED
            member.is_removed, member.labels = seen.state == REMOVED, seen.labels
            if seen.state == DRAINED:
                self._drain(member, True, seen.reason, is_news=False)
            if not member.is_removed:
                member.link.open()

    def listed(self, addresses: Iterable[Address]) -> None:
        """These nodes are on the list now: dial those that are new, part with those that are gone."""
        wanted = {node_id_of(address): address for address in addresses}
        for node_id, address in wanted.items():
            member = self._member(node_id, address, Source.LISTED)
            if not member.is_listed:  # a line that is written anew takes back what was removed
                member.is_listed, member.is_removed = True, False
                member.link.open()
                self._changed(member)
        for node_id, member in self._members.items():
            if member.is_listed and node_id not in wanted:
                member.is_listed = False
                if member.source is Source.LISTED:
                    self._part_with(member, "its line was taken out of the list of nodes")
                    self._changed(member)

    def add(self, text: str) -> Member:
        """Dial a node at HOST:PORT from now on; one that was removed is taken back.

        Raises:
            BadRequest: it is no address.
        """
        address = parse_address(text)
        member = self._member(node_id_of(address), address, Source.ADDED)
        member.source, member.is_removed = Source.ADDED, False
        member.link.open()
        self._changed(member)
        return member

    def check_join(self, join: Join) -> None:
        """Raise BadRequest or Refused if the node may not offer this connection."""
        if join.connection not in ("control", "slot"):
            raise BadRequest(f"a node joins with control or slot connections, not {join.connection!r}")
        try:
            key = bytes.fromhex(join.key)
        except ValueError as error:
            raise BadRequest("the key of a node is hexadecimal") from error
        if join.node != identity_of(key):
            raise Refused(f"the key is not that of {join.node}")
        member = self._members.get(join.node)
        if member is not None and member.is_removed:
            raise Refused(f"{join.node} was removed; `client.py nodes resume {join.node}` takes it back")
        if member is None and join.connection != "control":
            raise Refused(f"{join.node} has to join with its control connection first")

    def join(self, join: Join) -> Reversal | Later:
        """Take a connection that a node offers; where another process is that node already, the first one stays.

        Raises:
            BadRequest, Refused: as `check_join`.
        """
        self.check_join(join)
        taken = Reversal(None, lambda connection: self._joined(join, connection))
        member = self._members.get(join.node)
        if member is None or join.connection != "control" or not member.link.is_of_another(join.instance):
            return taken
        answer = Later()
        first = member.address

        def probed(is_there: bool) -> None:
            if not is_there:  # it was killed, or cut off, and nobody had noticed
                answer.resolve(taken)
                return
            answer.fail(Refused(
                f"{join.node} is connected already, from {first}: another process has the same key file; "
                "if it is another node, start this one with a --key-file or --data-dir of its own"
            ))  # fmt: skip

        member.link.probe(probed)
        return answer

    def _joined(self, join: Join, connection: Connection) -> None:
        """A node offers a connection, which was checked before."""
        member = self._member(join.node, None, Source.JOINED)
        if join.connection == "control":
            member.address = connection.peer
            member.link.joined(join.session, connection, join.instance)
        else:
            member.link.joined_slot(join.session, connection)

    def order(self, text: str, order: str, reason: str) -> Member:
        """Drain, resume, remove or readmit a node, given by id, name or identity.

        Raises:
            NotFound: no node is called so, or several are.
            BadRequest: there is no such order.
        """
        member = self.find(text)
        match order:
            case NodeOrder.DRAIN:
                self._drain(member, True, reason)
            case NodeOrder.RESUME:
                self._take_back(member)
                self._drain(member, False, reason)
            case NodeOrder.READMIT:
                self._post(Ordered(member.link.id, NodeOrder.READMIT, reason))
            case NodeOrder.REMOVE:
                self._part_with(member, reason or "it was removed")
            case _:
                raise BadRequest(f"{order!r} is no order for a node; give drain, resume, remove or readmit")
        self._changed(member)
        return member

    def close(self) -> None:
        """End all connections for good."""
        for member in self._members.values():
            member.link.close()

    def _member(self, node_id: str, address: Address | None, source: Source) -> Member:
        if node_id not in self._members:
            link = NodeLink(self._around, node_id, address, self._rng, post=self._post)
            self._members[node_id] = Member(link, source, node_id if address else "")
        return self._members[node_id]

    def _drain(self, member: Member, is_drained: bool, reason: str, *, is_news: bool = True) -> None:
        member.is_drained, member.reason = is_drained, reason if is_drained else ""
        member.link.drain(is_drained)
        order = NodeOrder.DRAIN if is_drained else NodeOrder.RESUME
        self._post(Ordered(member.link.id, order, reason, is_news))

    def _part_with(self, member: Member, reason: str) -> None:
        member.is_removed = True
        self._post(Ordered(member.link.id, NodeOrder.REMOVE, reason))  # before its session ends, which is no loss then
        member.link.cut(reason)

    def _take_back(self, member: Member) -> None:
        if member.is_removed:
            member.is_removed = False
            member.link.open()

    def find(self, text: str) -> Member:
        """Return the node of this id, name or identity; raises NotFound if there is none, or several are."""
        exact = self._members.get(text)
        if exact is not None and not exact.is_unlisted:
            return exact
        found = [member for member in self.everyone if text in self._names(member)]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"several nodes are called {text!r}: {', '.join(member.link.id for member in found)}")
        raise NotFound(f"no node is called {text!r}; `client.py nodes list` lists them")

    def _names(self, member: Member) -> tuple[str, ...]:
        node = self._pool.current(member.link.id)
        return (node.info.name, node.info.identity) if node is not None else ()


def node_id_of(address: Address) -> str:
    """The id of a node that listens: where it does."""
    return f"{address[0]}:{address[1]}"


def parse_address(text: str) -> Address:
    """Return host and port of `HOST:PORT`; raises BadRequest if it is not of this form."""
    address = split_address(text)
    if address is None:
        raise BadRequest(f"{text!r} is not HOST:PORT, where a node listens")
    return address
