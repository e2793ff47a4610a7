"""Rounds of a run: each is asked for once, and those that are done again replace those that were."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from client.link import Link
from client.results import run_of
from roundhouse import connect
from rpc.messages import RoundRow, WorkDetail
from tests.client.fake import DETAIL, RUNNING, Serving
from tests.system.cluster import LETTERS, Cluster
from web.door import Door
from web.pages.long_runs import LongRuns
from web.pages.shared import Shared


def stand_at(coordinator: Serving, *errors: float) -> None:
    rounds = tuple(RoundRow(number, error) for number, error in enumerate(errors, 1))
    coordinator.fake.row = replace(RUNNING, round=len(rounds))
    coordinator.fake.detail = replace(DETAIL, rounds=rounds)


def errors_of(detail: WorkDetail) -> list[float | None]:
    return [each.validation_error for each in run_of(detail).rounds]


def test_only_new_rounds_are_asked_for_and_those_done_again_are_asked_for_anew(coordinator: Serving) -> None:
    async def look() -> list[list[float | None]]:
        seen = []
        door = Door("127.0.0.1", coordinator.port)
        runs = LongRuns(Shared(door), fresh_s=0.0)
        for errors in ((0.5, 0.4), (0.5, 0.4, 0.3), (0.5, 0.4, 0.3), (0.5,), (0.5, 0.45)):
            stand_at(coordinator, *errors)
            seen.append(errors_of(await runs.detail(RUNNING.id)))
        door.close()
        return seen

    assert asyncio.run(look()) == [[0.5, 0.4], [0.5, 0.4, 0.3], [0.5, 0.4, 0.3], [0.5], [0.5, 0.45]]
    assert coordinator.fake.rounds_asked == [0, 2, 3, 3, 0, 1]


def test_many_who_look_at_once_see_the_same_and_each_round_once(coordinator: Serving) -> None:
    async def look() -> list[WorkDetail]:
        door = Door("127.0.0.1", coordinator.port)
        runs = LongRuns(Shared(door))
        seen = await asyncio.gather(*(runs.detail(RUNNING.id) for _ in range(5)))
        door.close()
        return seen

    stand_at(coordinator, 0.5, 0.4)
    assert [errors_of(each) for each in asyncio.run(look())] == [[0.5, 0.4]] * 5
    assert coordinator.fake.rounds_asked == [0]


def test_the_coordinator_tells_the_rounds_after_one_also_of_a_run_of_before_its_start(tmp_path: Path) -> None:
    kept = ("--data-dir", str(tmp_path / "data"))
    with Cluster(tmp_path, nodes=1, coordinator_arguments=kept) as cluster:
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            run = session.submit(LETTERS, rounds=3, epochs=1, hidden=4, eta=0.0001)
            run.wait(timeout_s=30)
        assert rounds_after(1, run.id, cluster) == [2, 3]
        cluster.restart_coordinator()
        assert rounds_after(1, run.id, cluster) == [2, 3]
        assert rounds_after(-5, run.id, cluster) == [1, 2, 3] and rounds_after(3, run.id, cluster) == []


def rounds_after(number: int, run_id: str, cluster: Cluster) -> list[int]:
    link = Link("127.0.0.1", cluster.coordinator.port, timeout_s=10)
    try:
        return [each.round for each in run_of(link.call("get_work_since", run_id, number)).rounds]
    finally:
        link.close()
