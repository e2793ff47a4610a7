"""A whole node in this process, called over the wire."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from compute_node.cli import parse
from compute_node.config import NodeConfig
from rpc.codec import decode_reply, encode_call
from rpc.errors import BadRequest, BadUpdate, Cancelled, ExitCode, MissingBlob, Refused, Unreachable
from rpc.local_socket import may_use
from rpc.messages import MAX_SLOTS, PROTOCOL_VERSION, SMALL_FRAME_BYTES, Hello, TrainResult
from rpc.services import COMPUTE_NODE
from tests.compute_node.conftest import StartNode
from tests.compute_node.running import LARGE, HeldTrainer, RunningNode, Training, task, wait_idle
from tests.rpc.running import PATIENCE_S


def test_a_node_also_serves_on_a_unix_socket_that_only_its_user_can_reach(start_node: StartNode) -> None:
    node = start_node()
    path = node.hello().local_socket
    assert may_use(path, node.port)
    node.close()
    assert not os.path.exists(path)


def test_a_caller_from_another_address_is_not_told_of_the_unix_socket(start_node: StartNode) -> None:
    node, method = start_node(), COMPUTE_NODE.methods["hello"]
    own = own_address()
    if own is None:
        pytest.skip("this machine has no address but loopback")
    hello = Hello(PROTOCOL_VERSION, "coordinator", coordinator="c", epoch=1, connection="slot")
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE_S, source_address=(own, 0)) as far:
        far.sendall(b"".join(encode_call(method, 1, (hello,))))
        with far.makefile("rb") as replies:
            reply = decode_reply(method, 1, memoryview(replies.read(int.from_bytes(replies.read(4)))))
    assert reply.name and reply.local_socket == ""


def own_address() -> str | None:
    """This machine's address in the outer world, which no packet is sent to."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # an address for documentation
        except OSError:
            return None
        return str(sock.getsockname()[0])


def test_a_large_delta_stays_on_the_node_until_it_is_forgotten(start_node: StartNode, trainer: HeldTrainer) -> None:
    trainer.may_end.set()
    node = start_node()
    slot = node.client()
    result: TrainResult = slot.call("train_shard", task())
    assert (result.delta.name, result.delta.data, result.delta.length) == ("delta:r/1/0#1", None, LARGE)
    assert len(slot.call("get_blob", result.delta.name, 0, 16)) == 16
    with pytest.raises(BadRequest):
        slot.call("get_blob", result.delta.name, -1, 16)
    assert node.held() == ("delta:r/1/0#1",)
    slot.call("forget", (result.delta.name,))
    assert node.held() == ()


def test_a_client_is_sent_to_the_coordinator(start_node: StartNode) -> None:
    with pytest.raises(Refused, match="this is a compute node; clients go to the coordinator, usually port 9095"):
        start_node().hello(role="client")


def test_more_slots_than_a_coordinator_accepts_are_a_bad_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["0", "--slots", str(MAX_SLOTS)]).slots == MAX_SLOTS
    for slots in ("0", str(MAX_SLOTS + 1)):
        with pytest.raises(SystemExit) as ended:
            parse(["0", "--slots", slots])
        assert ended.value.code == ExitCode.USAGE
        assert f"argument --slots: must be a number from 1 to 256, not '{slots}'" in capsys.readouterr().err


def test_a_result_is_not_kept_when_its_attempt_was_cancelled(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node()
    slot, control = node.client(), node.client("control")
    training = Training(slot, task())
    trainer.begun.get(timeout=PATIENCE_S)
    control.call("cancel_attempt", "r/1/0#1", 0)
    trainer.may_end.set()
    training.wait()
    assert isinstance(training.error, Cancelled)
    assert (node.held(), node.kept()) == ((), ())


def test_a_cancelled_attempt_does_not_wait_out_its_delay(start_node: StartNode) -> None:
    node = start_node(load_probability=1.0, delay_s=3600.0)
    slot, control = node.client(), node.client("control")
    training = Training(slot, task())
    while not control.call("status").attempts:
        pass
    control.call("cancel_attempt", "r/1/0#1", 0)
    training.wait()
    assert isinstance(training.error, Cancelled)
    status = control.call("status")
    assert (status.attempts, status.load) == ((), 0.0)


def test_a_delay_ends_with_the_connection_that_waits(start_node: StartNode) -> None:
    node = start_node(load_probability=1.0, delay_s=3600.0)
    slot, control = node.client(), node.client("control")
    training = Training(slot, task())
    while not control.call("status").attempts:
        pass
    slot.close()
    wait_idle(control)
    training.wait()


def test_a_task_whose_model_is_not_here_says_so_and_leaves_its_slot(start_node: StartNode) -> None:
    slot = start_node().client()
    named = replace(task(), model=replace(task().model, name="model:r/1", data=None))
    for _ in range(2):
        with pytest.raises(MissingBlob, match="model:r/1 is not on this node"):
            slot.call("train_shard", named)


def test_a_damaged_model_is_dropped_so_that_it_can_be_sent_again(start_node: StartNode) -> None:
    slot = start_node().client()
    slot.call("put_blob", "model:r/1", 40, 0, b"\1" * 40)
    with pytest.raises(BadUpdate, match="model:r/1 arrived damaged"):
        slot.call("train_shard", replace(task(), model=replace(task().model, name="model:r/1", data=None)))
    assert slot.call("put_blob", "model:r/1", 40, 0, b"").have == 0


def test_an_attempts_name_has_a_bounded_length(start_node: StartNode) -> None:
    with pytest.raises(BadRequest, match="more than 100 bytes"):
        start_node().client().call("train_shard", task("r" * 101))


@pytest.mark.parametrize("size", [-1, 2**62])
def test_a_models_size_that_cannot_be_is_answered_in_one_clear_line(start_node: StartNode, size: int) -> None:
    with pytest.raises(BadRequest, match=r"^model:r/1: a model of"):
        start_node().client().call("put_blob", "model:r/1", size, 0, b"")


def test_two_coordinators_do_not_meet(start_node: StartNode) -> None:
    node = start_node()
    node.client().call("put_blob", "model:r/1", 8, 0, bytes(8))
    other = node.client(coordinator="other")
    other.call("put_blob", "model:r/1", 8, 0, bytes(4))
    assert other.call("put_blob", "model:r/1", 8, 4, b"").have == 4
    assert node.held() == node.held(coordinator="other") == ("model:r/1",)


def test_the_answer_to_hello_fits_a_small_frame_whatever_is_held(start_node: StartNode) -> None:
    node = start_node(vector_bytes=1 << 20)
    slot = node.client()
    for number in range(800):
        slot.call("put_blob", f"model:{number:092}/1", 1, 0, b"")
    told = node.held()
    assert 300 < len(told) < SMALL_FRAME_BYTES / 104
    assert node.client("control").call("status").attempts == ()


def test_a_node_whose_self_test_fails_says_so_at_once(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> str:
        raise RuntimeError("libblas is not what it was")

    monkeypatch.setattr("compute_node.node.numeric_class", fails)
    reply = start_node().hello(connection="control")
    assert reply.labels["self-test"] == "failed: RuntimeError: libblas is not what it was"
    assert not reply.numeric_classes
    assert "the self-test of the kernels failed" in caplog.text


def test_stopping_does_not_wait_for_a_step_that_is_too_long(trainer: HeldTrainer) -> None:
    node = RunningNode(NodeConfig(0), trainer)
    training = Training(node.client(), task())
    trainer.begun.get(timeout=PATIENCE_S)
    started = monotonic()
    node.close()
    assert monotonic() - started < 5.0
    training.wait()
    assert isinstance(training.error, Unreachable)


@pytest.mark.parametrize(
    "settings", [{"dtype": "a"}, {"activation": "a"}, {"layers": (2, -1)}, {"eta": float("nan")}, {"dtype": "float64"}]
)
def test_a_task_that_makes_no_sense_is_refused(start_node: StartNode, settings: dict[str, Any]) -> None:
    node, train = start_node(), task()
    with pytest.raises(BadRequest, match=train.attempt):
        node.client().call("train_shard", replace(train, settings=replace(train.settings, **settings)))


def test_a_connection_is_one_coordinators(start_node: StartNode) -> None:
    client = start_node().client()
    with pytest.raises(Refused, match="another coordinator's already"):
        client.hello(Hello(PROTOCOL_VERSION, "coordinator", coordinator="another", epoch=1, connection="slot"))


def test_a_coordinator_without_a_control_connection_may_ask_how_the_node_is(start_node: StartNode) -> None:
    assert start_node().client().call("status").attempts == ()
