"""How a route gets at the coordinator: by calls, by news, or by a session of its own on a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from fastapi import Depends, Request

from client.api import Session
from client.link import Link
from web.door import Door
from web.live import Live

_TIMEOUT_S = 30.0
_PATIENCE_S = 0.0  # whoever asks is told at once that the coordinator is away


def _door(request: Request) -> Door:
    return cast(Door, request.app.state.door)


def _live(request: Request) -> Live:
    return cast(Live, request.app.state.live)


def _session(request: Request) -> Iterator[Session]:
    door = _door(request)
    with Session(Link(door.host, door.port, timeout_s=_TIMEOUT_S, patience_s=_PATIENCE_S)) as session:
        yield session


ItsDoor = Annotated[Door, Depends(_door)]
ItsLive = Annotated[Live, Depends(_live)]
ItsSession = Annotated[Session, Depends(_session)]  # for routes without `async`, which run on a thread
