"""What a coordinator has on a node goes when nobody can need it any more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compute_node.budget import Budget
from compute_node.coordinators import Belongings, Coordinators
from compute_node.results import key_of
from rpc.errors import Stale
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, Hello
from rpc.server import Caller
from tests.compute_node.running import large_result, task

TASK = task()


class Connection:
    """A caller that has said hello."""

    def __init__(self, coordinators: Coordinators, coordinator: str = "c", epoch: int = 1) -> None:
        self.caller = Caller("127.0.0.1:1", self.close)
        self.is_closed = False
        coordinators.greet(self.caller, Hello(PROTOCOL_VERSION, "coordinator", coordinator=coordinator, epoch=epoch))
        self.here: Belongings = coordinators.here(self.caller)

    def keep(self) -> None:
        """Have a model here, and a delta that this connection fetches."""
        self.here.models.put("model:r/1", 40, 0, b"")
        self.here.results.keep(key_of(TASK), large_result(), self.caller)

    def close(self) -> None:
        self.is_closed = True
        self.caller._tell_closed()


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()
    loop.run()  # which releases what it holds


@pytest.fixture
def coordinators(loop: Loop) -> Coordinators:
    return Coordinators(loop, Budget(1 << 30), gone_s=0.05)


def run_for(loop: Loop, seconds: float) -> None:
    loop.call_later(seconds, loop.stop)
    loop.run()


def test_an_earlier_start_of_a_coordinator_is_stale(coordinators: Coordinators) -> None:
    Connection(coordinators, epoch=5)
    Connection(coordinators, coordinator="another", epoch=4)
    with pytest.raises(Stale, match="a later start of coordinator c"):
        Connection(coordinators, epoch=4)


def test_a_later_start_of_a_coordinator_finds_the_results_of_the_earlier_one_and_nothing_else(
    coordinators: Coordinators,
) -> None:
    first, other = Connection(coordinators, epoch=1), Connection(coordinators, coordinator="other")
    for each in (first, other):
        each.keep()
    assert Connection(coordinators, epoch=1).here.names == ["model:r/1", "delta:r/1/0#1"]
    later = Connection(coordinators, epoch=2).here
    assert (later.names, later.results.places) == ([], ["r/1/0"])
    assert other.here.names == ["model:r/1", "delta:r/1/0#1"]


def test_a_later_start_of_a_coordinator_closes_the_connections_of_the_earlier_one(
    loop: Loop, coordinators: Coordinators
) -> None:
    earlier, other = Connection(coordinators, epoch=1), Connection(coordinators, coordinator="other")
    later = [Connection(coordinators, epoch=2) for _ in range(2)]
    assert earlier.is_closed
    assert not any(connection.is_closed for connection in (other, *later))
    later[0].here.models.put("model:r/1", 40, 0, b"")
    run_for(loop, 0.2)
    assert later[0].here.names, "the minute that began when the earlier ones were closed has ended"


def test_a_coordinator_that_has_been_gone_for_a_while_is_forgotten(loop: Loop, coordinators: Coordinators) -> None:
    Connection(coordinators, epoch=5).close()
    with pytest.raises(Stale):
        Connection(coordinators, epoch=4)
    run_for(loop, 0.2)
    assert not Connection(coordinators, epoch=4).is_closed


def test_a_delta_is_fetched_no_more_when_the_connection_that_asked_for_it_ends(coordinators: Coordinators) -> None:
    control, slot = Connection(coordinators), Connection(coordinators)
    slot.keep()
    slot.close()
    assert control.here.names == ["model:r/1"]
    assert control.here.results.places == ["r/1/0"]


def test_what_a_coordinator_has_here_goes_when_it_has_been_gone_for_a_while(
    loop: Loop, coordinators: Coordinators
) -> None:
    gone, other = Connection(coordinators), Connection(coordinators, coordinator="other")
    for each in (gone, other):
        each.here.models.put("model:r/1", 40, 0, b"")
    gone.close()
    assert gone.here.names
    run_for(loop, 0.2)
    assert not gone.here.names
    assert other.here.names


def test_a_coordinator_that_comes_back_in_time_finds_its_models(loop: Loop, coordinators: Coordinators) -> None:
    first = Connection(coordinators)
    first.here.models.put("model:r/1", 40, 0, b"")
    first.close()
    Connection(coordinators)
    run_for(loop, 0.2)
    assert first.here.names


def test_a_second_hello_on_a_connection_changes_nothing(loop: Loop, coordinators: Coordinators) -> None:
    first = Connection(coordinators)
    coordinators.greet(first.caller, Hello(PROTOCOL_VERSION, "coordinator", coordinator="c", epoch=1))
    first.here.models.put("model:r/1", 40, 0, b"")
    first.close()
    Connection(coordinators)
    run_for(loop, 0.2)
    assert first.here.names
