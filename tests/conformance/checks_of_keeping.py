"""What a node must do when connections end and coordinators start again: nothing is lost, doubled or stale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rpc.client import Client
from rpc.errors import Cancelled, Stale, TaskRejected, TrainerError
from rpc.messages import TrainResult
from tests.conformance.calling import ask_and_hang_up, put, running, wait_idle, wait_until
from tests.conformance.known_tasks import DATA, ENDLESS, SMALL, known
from tests.conformance.peer import Peer

_NOT_TOLD = "it does not tell of it when its coordinator is back"


def a_result_is_kept_when_its_connection_ends(peer: Peer) -> None:
    control, reply = peer.greet("control")
    put(control, DATA)
    task = known(SMALL, "kept")
    ask_and_hang_up(peer, task.task)
    wait_until(peer, lambda: "kept/1/0" in peer.told(), _NOT_TOLD)
    wait_idle(peer)
    assert "kept/1/0" in peer.told(), _NOT_TOLD
    later = replace(task.task, attempt="kept/1/0#2", fence=2)
    # While every slot is busy it cannot be trained again.
    with running(peer, *(known(ENDLESS, "busy", shard=shard).task for shard in range(reply.slots))):
        try:
            result: TrainResult = peer.slot().call("train_shard", later)
        except TaskRejected:
            raise AssertionError("it would train again what it says to have kept") from None
    replace(task, task=later).check(result)


def a_result_is_dropped_once_its_round_is_committed(peer: Peer) -> None:
    slot, first = peer.slot(), known(replace(SMALL, rounds=2), "safe").task
    put(slot, DATA)
    slot.call("train_shard", first)
    slot.call("train_shard", replace(first, attempt="safe/2/0#2", fence=2, round=2, committed_round=1))
    told = peer.told()
    assert "safe/2/0" in told, "it does not keep the result of a round that is not committed"
    assert "safe/1/0" not in told, "it keeps the result of a round that is committed"


def nothing_is_kept_of_a_run_that_is_over(peer: Peer) -> None:
    _train(peer, "over").call("forget", ("model:over/",))
    assert "over/1/0" not in peer.told(), "it keeps a result of that run"


def a_result_that_is_not_wanted_is_not_kept(peer: Peer) -> None:
    _train(peer, "unwanted").call("cancel_attempt", "unwanted/1/0#1", 0)
    assert "unwanted/1/0" not in peer.told(), "it keeps a result that was refused"


def a_coordinator_gets_nothing_of_another_one(peer: Peer) -> None:
    _train(peer, "mine")
    with Peer(*peer.endpoint) as other:
        assert "mine/1/0" not in other.told(), "it tells another coordinator of the result"


def a_restarted_coordinator_adopts_what_runs(peer: Peer) -> None:
    control, task = peer.control(), known(ENDLESS, "adopted").task
    put(control, DATA)
    with running(peer, task) as (first,):
        peer.restart()
        assert "adopted/1/0" in peer.told(), "it does not tell the later start of what runs"
        first.wait()
        later = replace(task, attempt="adopted/1/0#2", fence=2)
        with running(peer, later) as (second,):
            names = peer.control().call("status").attempts
            assert names == (later.attempt,), f"it runs {' and '.join(names)}, which are one task"
        assert isinstance(second.error, Cancelled), f"a cancelled task answers {second.error!r}"


def a_stale_coordinator_is_refused(peer: Peer) -> None:
    earlier, stale = peer.control(), peer.introduction("control")
    peer.restart()
    peer.control()
    try:
        earlier.call("status")
    except TrainerError:
        pass
    else:
        raise AssertionError("it answers a start of a coordinator that a later one has replaced")
    try:
        earlier.connect().hello(stale)
    except Stale:
        return
    raise AssertionError("it greets a start of a coordinator that a later one has replaced")


def who_waits_for_a_stale_attempt_is_told(peer: Peer) -> None:
    control, task = peer.control(), known(ENDLESS, "stale").task
    put(control, DATA)
    with running(peer, task) as (first,), running(peer, replace(task, attempt="stale/1/0#2", fence=2)):
        first.wait()
        assert isinstance(first.error, Stale), f"the attempt that another one took over answers {first.error!r}"


def _train(peer: Peer, run: str) -> Client:
    """Have a task of the run trained, whose result the node then keeps; return the connection."""
    slot = peer.slot()
    put(slot, DATA)
    slot.call("train_shard", known(SMALL, run).task)
    assert f"{run}/1/0" in peer.told(), "it does not keep a result that nobody has committed"
    return slot


CHECKS: tuple[Callable[[Peer], None], ...] = (
    a_result_is_kept_when_its_connection_ends,
    a_result_is_dropped_once_its_round_is_committed,
    nothing_is_kept_of_a_run_that_is_over,
    a_result_that_is_not_wanted_is_not_kept,
    a_coordinator_gets_nothing_of_another_one,
    a_restarted_coordinator_adopts_what_runs,
    a_stale_coordinator_is_refused,
    who_waits_for_a_stale_attempt_is_told,
)
