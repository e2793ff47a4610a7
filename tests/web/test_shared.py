"""Answers that many pages need: asked for once, and a fault is not kept."""

from __future__ import annotations

import asyncio

import pytest

from rpc.errors import Unreachable
from web.door import Door
from web.pages.shared import Shared


class Asked:
    """Answers with these, one after the other. Attributes: times, how often it was asked."""

    def __init__(self, *answers: str | Unreachable) -> None:
        self._answers = iter(answers)
        self.times = 0

    async def __call__(self) -> str:
        self.times += 1
        await asyncio.sleep(0)
        answer = next(self._answers)
        if isinstance(answer, Unreachable):
            raise answer
        return answer


def test_many_who_ask_at_once_share_one_answer() -> None:
    asked = Asked("seven")

    async def ask() -> object:
        shared = Shared(Door("127.0.0.1", 0))
        return await asyncio.gather(*(shared.made(("n",), asked, 60.0) for _ in range(5)))

    assert asyncio.run(ask()) == ["seven"] * 5 and asked.times == 1


def test_a_fault_is_told_to_who_asked_and_is_not_kept_as_long_as_an_answer() -> None:
    asked = Asked(Unreachable("it is away"), "seven")

    async def ask() -> object:
        shared = Shared(Door("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            await shared.made(("n",), asked, 3600.0)
        return await shared.made(("n",), asked, 3600.0)

    assert asyncio.run(ask()) == "seven"
