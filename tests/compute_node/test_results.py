"""Results are kept by what they were made from, until their round is committed or the room is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compute_node.budget import Budget
from compute_node.results import KeptResults, key_of
from rpc.errors import BadRequest, MissingBlob, OutOfMemory
from rpc.messages import PART_BYTES, TrainResult, TrainTask
from tests.compute_node.running import large_result, result, task

ASKER = object()
ROOM = 100 << 20


@pytest.fixture
def budget() -> Budget:
    return Budget(ROOM)


@pytest.fixture
def results(budget: Budget) -> KeptResults:
    return KeptResults(budget)


def kept(results: KeptResults, wanted: TrainTask) -> TrainResult | None:
    """The result as another connection would get it."""
    return results.answer(key_of(wanted), wanted, object())


def test_a_result_answers_a_later_attempt_of_the_same_task(results: KeptResults) -> None:
    sent = results.keep(key_of(task()), result(), ASKER)
    assert sent == result()
    again = kept(results, replace(task("r/1/0#9"), fence=9))
    assert again == replace(sent, attempt="r/1/0#9", fence=9)


@pytest.mark.parametrize(
    "other",
    [
        replace(task(), model=replace(task().model, digest=7)),
        replace(task(), blob="sha256:" + "0" * 64),
        replace(task(), settings=replace(task().settings, seed=8)),
        replace(task(), threads=2),
        replace(task(), offset=bytes(8), scale=bytes(8)),
        task(place=(2, 0)),
        task(place=(1, 1)),
        replace(task(), run="s"),
    ],
)
def test_a_result_answers_no_task_that_differs_in_anything(results: KeptResults, other: TrainTask) -> None:
    results.keep(key_of(task()), result(), ASKER)
    assert kept(results, other) is None


def test_results_go_when_their_round_is_committed(results: KeptResults, budget: Budget) -> None:
    for number in (1, 2):
        results.keep(key_of(task(place=(number, 0))), result(), ASKER)
    results.keep(key_of(replace(task(), run="s")), result(), ASKER)
    results.committed("r", 1)
    assert results.places == ["s/1/0", "r/2/0"]
    results.keep(key_of(task(place=(1, 5))), result(), ASKER)
    assert len(results.places) == 2, "one that comes too late is not kept"
    results.forget_run("r")
    results.forget_run("s")
    results.keep(key_of(task(place=(3, 0))), result(), ASKER)
    assert (results.places, budget.held_bytes) == ([], 0)


def test_a_result_that_is_not_wanted_is_dropped(results: KeptResults) -> None:
    results.keep(key_of(task()), result("r/1/0#1"), ASKER)
    results.refuse("r/1/0#2")
    assert results.places == ["r/1/0"]
    results.refuse("r/1/0#1")
    assert results.places == []


def test_a_large_delta_is_given_in_parts_until_it_is_fetched_and_stays(results: KeptResults) -> None:
    sent = results.keep(key_of(task()), large_result(), ASKER)
    assert (sent.delta.name, sent.delta.data) == ("delta:r/1/0#1", None)
    assert len(results.part(sent.delta.name, 0, PART_BYTES)) == PART_BYTES
    assert bytes(results.part(sent.delta.name, 2**63 - 1, 1)) == b""
    results.fetched(sent.delta.name)
    with pytest.raises(MissingBlob, match="train again"):
        results.part(sent.delta.name, 0, 16)
    again = kept(results, task("r/1/0#2"))
    assert again is not None and again.delta.name == "delta:r/1/0#2"
    assert results.names == ["delta:r/1/0#2"]


def test_results_are_kept_of_the_last_two_rounds_of_a_run(results: KeptResults) -> None:
    results.keep(key_of(replace(task(), run="s")), result("s/1/0#1"), ASKER)
    results.keep(key_of(task(place=(1, 0))), large_result("r/1/0#1"), ASKER)
    for number in (1, 2, 3):
        results.keep(key_of(task(place=(number, 1))), result(f"r/{number}/1#1"), ASKER)
    assert results.places == ["r/3/1", "r/2/1", "r/1/0", "s/1/0"], "one that is being fetched stays"
    results.fetched("delta:r/1/0#1")
    assert results.places == ["r/3/1", "r/2/1", "s/1/0"]
    results.keep(key_of(task(place=(1, 1))), result("r/1/1#2"), ASKER)
    assert results.places == ["r/1/1", "r/3/1", "r/2/1", "s/1/0"], "a restart of the coordinator took the run back"


def test_places_that_are_none_of_a_part_are_refused(results: KeptResults) -> None:
    name = results.keep(key_of(task()), large_result(), ASKER).delta.name
    for offset, length in ((-1, 1), (0, -1), (0, PART_BYTES + 1)):
        with pytest.raises(BadRequest, match="cannot be asked for"):
            results.part(name, offset, length)


def test_the_oldest_result_makes_room_for_what_is_needed(results: KeptResults, budget: Budget) -> None:
    for shard in range(3):
        results.keep(key_of(task(place=(1, shard))), result(f"r/1/{shard}#1"), ASKER)
    budget.take(ROOM - budget.held_bytes + 1, "model:r/1")
    assert results.places == ["r/1/2", "r/1/1"]
    assert budget.held_bytes <= ROOM


def test_a_delta_that_is_being_fetched_makes_room_for_nobody() -> None:
    budget = Budget(10 << 20)
    results = KeptResults(budget)
    name = results.keep(key_of(task()), large_result(), ASKER).delta.name
    with pytest.raises(OutOfMemory, match=r"model:r/1: 10,000,000 bytes do not fit"):
        budget.take(10_000_000, "model:r/1")
    with pytest.raises(OutOfMemory, match="delta:r/1/1#1"):
        results.keep(key_of(task(place=(1, 1))), large_result("r/1/1#1"), ASKER)
    results.fetched(name)
    budget.take(10_000_000, "model:r/1")
    assert results.places == []


def test_a_small_result_that_finds_no_room_is_answered_all_the_same() -> None:
    results = KeptResults(Budget(100))
    assert results.keep(key_of(task()), result(), ASKER) == result()
    assert results.places == []


def test_a_large_delta_of_a_committed_round_can_be_fetched_and_goes_then(results: KeptResults, budget: Budget) -> None:
    results.committed("r", 1)
    name = results.keep(key_of(task()), large_result(), ASKER).delta.name
    assert len(results.part(name, 0, 16)) == 16
    results.fetched(name)
    assert (results.places, budget.held_bytes) == ([], 0)


def test_what_an_asker_fetched_is_spare_when_it_has_gone(results: KeptResults) -> None:
    results.keep(key_of(task()), large_result(), ASKER)
    results.keep(key_of(task(place=(1, 1))), large_result("r/1/1#1"), object())
    results.fetched_by(ASKER)
    assert results.names == ["delta:r/1/1#1"]
    assert len(results.places) == 2
