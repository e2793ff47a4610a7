"""The calling side in an asyncio program: answers, errors, and connections that end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import pack

import pytest

from rpc.async_client import AsyncClient
from rpc.errors import NotFound, TimedOut, Unreachable
from rpc.messages import PROTOCOL_VERSION, Hello, News, WorkRow
from rpc.services import COORDINATOR
from tests.client.fake import RUN_ID, RUNNING, Serving, serving

HELLO = Hello(protocol=PROTOCOL_VERSION, role="client", connection="client")


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "blobs") as served:
        yield served


async def connected(port: int, timeout_s: float = 5.0) -> AsyncClient:
    return await AsyncClient.connect(("127.0.0.1", port), COORDINATOR, HELLO, timeout_s=timeout_s)


def test_calls_are_answered_one_after_the_other(coordinator: Serving) -> None:
    async def call() -> list[WorkRow]:
        client = await connected(coordinator.port)
        rows = [await client.call("find_work", RUN_ID, timeout_s=5.0) for _ in range(3)]
        client.close()
        return rows

    assert [row.id for row in asyncio.run(call())] == [RUN_ID] * 3


def test_an_error_that_was_answered_leaves_the_connection_in_order(coordinator: Serving) -> None:
    async def call() -> WorkRow:
        client = await connected(coordinator.port)
        with pytest.raises(NotFound, match="nothing"):
            await client.call("find_work", "nothing", timeout_s=5.0)
        assert not client.is_closed
        row: WorkRow = await client.call("find_work", RUN_ID, timeout_s=5.0)
        client.close()
        return row

    assert asyncio.run(call()).id == RUN_ID


def test_a_call_that_is_given_up_closes_the_connection(coordinator: Serving) -> None:
    coordinator.fake.story = [News(RUNNING, last=1)]

    async def call() -> None:
        client = await connected(coordinator.port)
        with pytest.raises(TimedOut, match=r"did not answer watch in time$"):
            await client.call("watch", RUN_ID, 1 << 40, 5000, timeout_s=0.05)
        assert client.is_closed
        client = await connected(coordinator.port)
        waiting = asyncio.create_task(client.call("watch", RUN_ID, 1 << 40, 5000, timeout_s=9.0))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert client.is_closed

    asyncio.run(call())


def test_a_connection_that_was_reset_while_nobody_called_is_unreachable() -> None:
    async def call() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            taken, _ = listening.accept()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))  # so that its close is a reset
        taken.close()
        with suppress(ConnectionResetError):
            await reader.read()
        client = AsyncClient("there", COORDINATOR, reader, writer)
        with pytest.raises(Unreachable, match=r"lost there during find_work: Connection reset by peer"):
            await client.call("find_work", RUN_ID, timeout_s=5.0)
        assert client.is_closed

    asyncio.run(call())


def test_a_coordinator_that_goes_is_unreachable(coordinator: Serving) -> None:
    async def call() -> None:
        client = await connected(coordinator.port)
        coordinator.drop_everybody()
        with pytest.raises(Unreachable, match=r"lost 127.0.0.1:\d+ during find_work"):
            await client.call("find_work", RUN_ID, timeout_s=5.0)
        assert client.is_closed

    asyncio.run(call())


def test_who_does_not_answer_or_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TimedOut, match=f"127.0.0.1:{port}"):
            asyncio.run(connected(port, timeout_s=0.05))
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} is not reachable"):
        asyncio.run(connected(port))
