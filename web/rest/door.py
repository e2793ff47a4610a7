"""How a route gets at the coordinator: by calls, by news, or by a session of its own on a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from client.access import Access
from client.api import Session
from client.link import Link
from web.door import Door
from web.live import Live
from web.visitors import Visitor, Visitors

_TIMEOUT_S = 30.0


def _visitor(request: Request) -> Visitor:
    visitors: Visitors = request.app.state.visitors
    return visitors.of(request.state.token)


def _door(request: Request) -> Door:
    return _visitor(request).door


def _live(request: Request) -> Live:
    return _visitor(request).live


def _own_door(request: Request) -> Door:
    visitors: Visitors = request.app.state.visitors
    return visitors.own.door


def _session(request: Request) -> Iterator[Session]:
    with session_of(_door(request)) as session:
        yield session


def session_of(door: Door) -> Session:
    """Return a session of its own with the coordinator behind a door, as the same token's; for a thread.

    Whoever asks is told at once that the coordinator is away.
    """
    access = Access(door.token, door.way.tls, door.way.local_socket)
    return Session(Link(door.host, door.port, timeout_s=_TIMEOUT_S, patience_s=0.0, access=access))


ItsDoor = Annotated[Door, Depends(_door)]
OwnDoor = Annotated[Door, Depends(_own_door)]  # of this program itself, whoever asks
ItsLive = Annotated[Live, Depends(_live)]
ItsSession = Annotated[Session, Depends(_session)]  # for routes without `async`, which run on a thread
