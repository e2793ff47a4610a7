"""How a route gets at the coordinator."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from web.door import Door


def _door(request: Request) -> Door:
    return cast(Door, request.app.state.door)


ItsDoor = Annotated[Door, Depends(_door)]
