"""News are asked for once however many listen; nobody misses any, and who reads slowly holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpc.errors import NotFound, TrainerError, Unauthenticated, Unreachable
from rpc.messages import EventRow
from tests.client.fake import RUN_ID, Serving, event
from tests.client.fake_jobs import JOB_ID, JOB_ROW, METRICS, RECORDS
from web.door import Door
from web.latest import Latest, Seen
from web.live import Live
from web.streams import Part, Stream

_TIMEOUT_S = 20.0


@dataclass
class Source:
    """What happened so far; whoever waits is answered when more does."""

    events: list[EventRow] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    waits: int = 0
    asked: int = 0
    is_over: bool = False
    error: TrainerError | None = None

    def add(self, n: int = 1) -> None:
        for _ in range(n):
            self.events.append(event(len(self.events) + 1, "test", "happened"))
        self.wake()

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def ask(self, after: int, waits: bool) -> Part[EventRow]:
        self.asked += 1
        if waits and after >= len(self.events) and not self.is_over:
            self.waits += 1
            await self.changed.wait()
            self.waits -= 1
        if self.error is not None:
            raise self.error
        found = tuple(self.events[after:])
        return Part(after, after + len(found), found, self.is_over)


def run(test: Callable[[Source, Stream[EventRow]], Awaitable[None]]) -> None:
    async def within() -> None:
        source = Source()
        async with asyncio.timeout(_TIMEOUT_S):
            await test(source, Stream(source.ask))

    asyncio.run(within())


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0)


async def numbers(stream: Stream[EventRow], after: int, told: list[int]) -> None:
    async with aclosing(stream.follow(after)) as parts:
        async for part in parts:
            told += [each.number for each in part.items]


def test_many_listeners_are_one_question() -> None:
    async def test(source: Source, stream: Stream[EventRow]) -> None:
        source.add(3)
        told: list[list[int]] = [[] for _ in range(100)]
        async with asyncio.TaskGroup() as tasks:
            for each in told:
                tasks.create_task(numbers(stream, 0, each))
            await until(lambda: all(len(each) == 3 for each in told) and source.waits == 1)
            before = source.asked
            source.add(1)
            await until(lambda: all(len(each) == 4 for each in told) and source.waits == 1)
            assert source.asked == before + 1
            source.is_over = True
            source.wake()
        assert told == [[1, 2, 3, 4]] * 100 and stream.n_listeners == 0

    run(test)


def test_a_slow_listener_holds_up_nobody_and_misses_nothing() -> None:
    async def test(source: Source, stream: Stream[EventRow]) -> None:
        told: list[int] = []
        quick = asyncio.create_task(numbers(stream, 0, told))
        slow = stream.follow(0)
        await anext(slow)
        for number in range(1, 1001):
            await until(lambda: source.waits == 1)
            source.add(1)
            await until(lambda number=number: told[-1:] == [number])  # type: ignore[misc]
        source.is_over = True
        source.wake()
        late = [each.number async for part in slow for each in part.items]
        await quick
        assert told == late == list(range(1, 1001))

    run(test)


def test_who_joins_late_goes_on_where_it_wants() -> None:
    async def test(source: Source, stream: Stream[EventRow]) -> None:
        source.add(10)
        first: list[int] = []
        second: list[int] = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(numbers(stream, 10, first))
            await until(lambda: source.waits == 1)
            source.add(5)
            await until(lambda: len(first) == 5)
            tasks.create_task(numbers(stream, 7, second))
            await until(lambda: len(second) == 8)
            source.is_over = True
            source.wake()
        assert (first, second) == (list(range(11, 16)), list(range(8, 16)))

    run(test)


def test_when_nobody_listens_nobody_asks() -> None:
    async def test(source: Source, stream: Stream[EventRow]) -> None:
        listener = asyncio.create_task(numbers(stream, 0, []))
        await until(lambda: source.waits == 1)
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        await until(lambda: len(asyncio.all_tasks()) == 1)

    run(test)


def test_an_answer_that_is_an_error_is_told_to_all_who_listen() -> None:
    async def test(source: Source, stream: Stream[EventRow]) -> None:
        listeners = [asyncio.create_task(numbers(stream, 0, [])) for _ in range(3)]
        await until(lambda: source.waits == 1)
        source.error = NotFound("it is gone")
        source.wake()
        assert [str(each) for each in await asyncio.gather(*listeners, return_exceptions=True)] == ["it is gone"] * 3

    run(test)


def test_an_absence_of_the_coordinator_is_waited_out_but_not_at_the_beginning() -> None:
    async def test(source: Source, stream: Stream[EventRow]) -> None:
        told: list[int] = []
        listener = asyncio.create_task(numbers(stream, 0, told))
        await until(lambda: source.waits == 1)
        source.error = Unreachable("away")
        source.wake()
        with pytest.raises(Unreachable):
            await anext(stream.follow(0))
        source.error, source.is_over = None, True
        source.add(2)
        await listener
        assert told == [1, 2]

    run(test)


@settings(deadline=None)  # on a machine that does other things as well
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=30), st.integers(0, 5))
def test_whoever_reads_whenever_gets_each_number_once_in_order(steps: list[tuple[int, int]], n_readers: int) -> None:
    async def test(source: Source, stream: Stream[EventRow]) -> None:
        told: list[list[int]] = [[] for _ in range(n_readers)]
        readers = [asyncio.create_task(numbers(stream, 0, each)) for each in told]
        for n_new, n_turns in steps:
            source.add(n_new)
            for _ in range(n_turns):
                await asyncio.sleep(0)
        source.is_over = True
        source.wake()
        await asyncio.gather(*readers)
        assert told == [[each.number for each in source.events]] * n_readers

    run(test)


def live(test: Callable[[Live], Awaitable[None]], coordinator: Serving) -> None:
    async def within() -> None:
        door = Door("127.0.0.1", coordinator.port)
        async with asyncio.timeout(_TIMEOUT_S):
            await test(Live(door))
        door.close()

    asyncio.run(within())


def test_the_news_of_a_run_end_with_its_end(coordinator: Serving) -> None:
    async def test(news: Live) -> None:
        states = [
            (part.now.row.state, [event.number for event in part.items])
            async for part in news.work(RUN_ID)
            if part.now is not None
        ]
        assert states[0] == ("running", [1]) and states[-1] == ("completed", [])
        assert [number for _, numbers in states for number in numbers] == [1, 2]

    live(test, coordinator)


def test_a_log_is_told_line_by_line_and_each_tells_where_to_go_on(coordinator: Serving) -> None:
    async def test(news: Live) -> None:
        lines = [line for part in [each async for each in news.log(JOB_ID)] for line in part.items]
        assert [line.record for line in lines] == list(RECORDS)
        again = [line async for part in news.log(JOB_ID, lines[1].number) for line in part.items]
        assert [line.record for line in again] == list(RECORDS[2:])

    live(test, coordinator)


def test_metrics_end_with_their_job(coordinator: Serving) -> None:
    async def test(news: Live) -> None:
        assert [each async for part in news.metrics(JOB_ID) for each in part.items] == list(METRICS)
        coordinator.fake.job_row = replace(JOB_ROW, state="running")
        parts = news.metrics(JOB_ID, 2)
        assert (await anext(parts)).items == METRICS[2:]
        more = asyncio.create_task(anext(parts))
        coordinator.fake.metrics = (*METRICS, replace(METRICS[2], number=4))
        assert [each.number for each in (await more).items] == [4]
        await parts.aclose()

    live(test, coordinator)


def test_a_bug_of_who_is_asked_reaches_all_who_wait_and_the_next_one_asks_anew() -> None:
    answers: list[int] = []

    async def ask() -> int:
        return answers.pop()

    async def test() -> None:
        latest = Latest(ask, 0.0)
        for found in await asyncio.gather(*(anext(latest.follow()) for _ in range(3)), return_exceptions=True):
            assert isinstance(found, IndexError)
        answers.append(7)
        async with aclosing(latest.follow()) as seen:
            assert (await anext(seen)).now == 7

    asyncio.run(asyncio.wait_for(test(), _TIMEOUT_S))


def test_whose_token_was_revoked_is_told_so_and_asks_no_more() -> None:
    n_asked = 0

    async def ask() -> int:
        nonlocal n_asked
        n_asked += 1
        if n_asked > 1:
            raise Unauthenticated("it was revoked")
        return 7

    async def test() -> None:
        latest = Latest(ask, 0.0)
        async with aclosing(latest.follow()) as seen:
            assert [await anext(seen), await anext(seen)] == [Seen(7), Seen(7, "it was revoked")]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(seen), 0.1)

    asyncio.run(asyncio.wait_for(test(), _TIMEOUT_S))
    assert n_asked == 2


def test_the_overview_tells_when_the_coordinator_goes_away(coordinator: Serving) -> None:
    async def test(news: Live) -> None:
        async with aclosing(news.overview()) as seen:
            first = await anext(seen)
            assert first.now == coordinator.fake.nodes and not first.fault
            coordinator.stop()
            second = await anext(seen)
            assert second.now == first.now and "is away" in second.fault

    live(test, coordinator)
