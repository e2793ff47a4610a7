"""Scripts on a slot connection: played step by step on a real channel, every end is an outcome."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from functools import partial
from queue import Queue
from weakref import ref

import numpy as np
import pytest

from coordinator.core.events import Broke, Declined, Held, Outcome
from coordinator.errands import Cargo, Steps
from coordinator.scripts import Call, Meanwhile, OnThread, Player, Script, Wait
from rpc.aside import Aside
from rpc.channel import Channel
from rpc.errors import BadData, BadUpdate, FailureKind, RejectReason, TaskRejected
from rpc.messages import PART_BYTES, PROTOCOL_VERSION, Buffer, Hello, HelloReply, SurveyTask
from rpc.server import Caller, Later
from rpc.services import COMPUTE_NODE
from tests.rpc.running import PATIENCE_S, RunningLoop, RunningServer

TASK = SurveyTask("r/0/0#1", 1, "r", 0, "sha256:" + "0" * 64)


class Node:
    """Answers get_blob with its arguments, many times for a delta named large; survey with what the test wants."""

    def __init__(self) -> None:
        self.survey_error: Exception | None = None

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "node")

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> Buffer:
        return f"{name} {offset} {length}".encode() * (10_000 if name == "delta:large" else 1)

    def survey(self, caller: Caller, task: SurveyTask) -> Later:
        later = Later()
        if self.survey_error is not None:
            later.fail(self.survey_error)
        return later


class Stage:
    """A loop, a node and a channel to it."""

    def __init__(self) -> None:
        self.running = RunningLoop()
        self.node = Node()
        self.server = RunningServer(self.running, COMPUTE_NODE, self.node)
        up: Queue[HelloReply] = Queue()
        hello = Hello(PROTOCOL_VERSION, "coordinator", connection="slot")
        self.channel = self.running.do(
            lambda: Channel(
                self.running.loop,
                self.server.address,
                COMPUTE_NODE,
                hello=hello,
                on_up=up.put,
                on_down=lambda error: None,
            )
        )
        up.get(timeout=PATIENCE_S)

        self.threads = Aside(self.running.loop, 1, "aside")

    def play(self, script: Script, timeout_s: float = 5.0) -> Queue[Outcome]:
        outcomes: Queue[Outcome] = Queue()
        self.running.do(Player(script, self.channel, self.threads.run, timeout_s, outcomes.put).play)
        return outcomes

    def let_the_loop_turn(self) -> None:
        """From another thread: return when the loop has had the time to receive what has come."""
        for _ in range(50):
            self.running.do(lambda: None)

    def close(self) -> None:
        self.threads.close()
        self.running.do(self.channel.close)
        self.server.close()
        self.running.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def survey() -> Script:
    yield Call("survey", (TASK,))
    return Held()


def test_calls_and_work_beside_follow_one_another(stage: Stage) -> None:
    seen = []

    def script() -> Script:
        seen.append(bytes((yield Call("get_blob", ("delta:x", 3, 4)))))
        seen.append((yield OnThread(lambda: 42)))
        seen.append(bytes((yield Call("get_blob", ("delta:y", 0, 1)))))
        return Held()

    assert stage.play(script()).get(timeout=PATIENCE_S) == Held()
    assert seen == [b"delta:x 3 4", 42, b"delta:y 0 1"]


def test_a_part_stays_as_it_is_while_the_next_one_is_on_its_way(stage: Stage) -> None:
    seen = []

    def look(part: Buffer) -> None:
        stage.let_the_loop_turn()
        seen.append(bytes(part))

    def script() -> Script:
        part = yield Call("get_blob", ("delta:large", 0, 1))
        for offset in (1, 2):
            part = yield Meanwhile(Call("get_blob", ("delta:large", offset, 1)), partial(look, part))
        yield OnThread(partial(look, part))
        return Held()

    assert stage.play(script()).get(timeout=PATIENCE_S) == Held()
    assert seen == [f"delta:large {offset} 1".encode() * 10_000 for offset in (0, 1, 2)]


def test_what_fails_meanwhile_is_raised_when_the_call_is_answered(stage: Stage) -> None:
    def fail() -> None:
        raise BadUpdate("no")

    def script() -> Script:
        yield Meanwhile(Call("get_blob", ("delta:x", 0, 1)), fail)
        return Held()

    outcome = stage.play(script()).get(timeout=PATIENCE_S)
    assert outcome == Broke(FailureKind.BAD_UPDATE, "no")
    assert not stage.channel.busy, "the answer is still on its way"


def test_a_connection_lost_meanwhile_ends_the_script_once(stage: Stage) -> None:
    def cut() -> None:
        stage.running.do(stage.channel.close)

    def script() -> Script:
        yield Meanwhile(Call("get_blob", ("delta:x", 0, 1)), cut)
        return Held()

    outcomes = stage.play(script())
    outcome = outcomes.get(timeout=PATIENCE_S)
    assert isinstance(outcome, Broke) and outcome.kind is FailureKind.NODE_LOST
    stage.let_the_loop_turn()
    assert outcomes.empty()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TaskRejected(RejectReason.BUSY, "busy"), Declined(RejectReason.BUSY, "busy")),
        (BadData("a.txt:3: no"), Broke(FailureKind.USER_ERROR, "a.txt:3: no")),
    ],
)
def test_what_the_node_answers_becomes_the_outcome(stage: Stage, error: Exception, outcome: Outcome) -> None:
    stage.node.survey_error = error
    assert stage.play(survey()).get(timeout=PATIENCE_S) == outcome


def test_silence_and_a_lost_connection_are_told_apart(stage: Stage) -> None:
    late = stage.play(survey(), timeout_s=0.1).get(timeout=PATIENCE_S)
    assert isinstance(late, Broke) and late.kind is FailureKind.TIMEOUT
    closed = stage.play(survey()).get(timeout=PATIENCE_S)
    assert isinstance(closed, Broke) and closed.kind is FailureKind.NODE_LOST


@pytest.mark.parametrize("error", [BadData("no"), TaskRejected(RejectReason.BUSY, "busy"), ValueError("a bug")])
def test_the_vectors_of_a_script_that_fails_are_gone_at_once(
    stage: Stage, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "coordinator.scripts")  # a record that pytest keeps would hold the traceback

    def fail() -> None:
        raise error

    def script() -> Script:
        delta = np.zeros(10)
        vectors.append(ref(delta))
        yield OnThread(fail)
        return Held()

    vectors: list[ref[np.ndarray]] = []
    gc.disable()
    try:
        stage.play(script()).get(timeout=PATIENCE_S)
        stage.let_the_loop_turn()
        assert [vector() for vector in vectors] == [None]
    finally:
        gc.enable()


def test_the_vectors_of_a_lost_connection_are_gone_at_once(stage: Stage) -> None:
    def script() -> Script:
        delta, model = np.zeros(10), np.zeros(PART_BYTES, np.uint8)
        vectors.extend([ref(delta), ref(model)])
        yield Call("put_blob", ("model:r/1", model.nbytes, 0, model.data))
        return Held()

    def cut() -> None:
        Player(script(), stage.channel, stage.threads.run, 5.0, outcomes.put).play()
        assert stage.channel.connection is not None and stage.channel.connection.is_sending
        stage.channel.close()

    vectors: list[ref[np.ndarray]] = []
    outcomes: Queue[Outcome] = Queue()
    gc.disable()
    try:
        stage.running.do(cut)
        assert isinstance(outcomes.get(timeout=PATIENCE_S), Broke)
        stage.let_the_loop_turn()
        assert [vector() for vector in vectors] == [None, None]
    finally:
        gc.enable()


def test_a_script_may_catch_what_a_step_raises(stage: Stage) -> None:
    stage.node.survey_error = BadData("no")

    def script() -> Script:
        try:
            yield Call("survey", (TASK,))
        except BadData:
            return Declined(RejectReason.OPERATOR)
        return Held()

    assert stage.play(script()).get(timeout=PATIENCE_S) == Declined(RejectReason.OPERATOR)


def test_cargo_is_sent_once_and_the_others_wait_for_it() -> None:
    cargo, sent = Cargo(set()), []

    def send() -> Steps:
        sent.append("began")
        yield Call("status", ())

    first, second = cargo.bring("model:r/1", send), cargo.bring("model:r/1", send)
    assert next(first) == Call("status", ())
    wait = next(second)
    assert isinstance(wait, Wait)
    went_on: list[bool] = []
    wait.subscribe(lambda: went_on.append(True))
    with pytest.raises(StopIteration):
        first.send(None)
    assert went_on == [True] and sent == ["began"]
    with pytest.raises(StopIteration):
        second.send(None)
    assert list(cargo.bring("model:r/1", send)) == []


def test_when_sending_cargo_fails_the_next_one_sends_it() -> None:
    cargo = Cargo(set())

    def send() -> Steps:
        yield Call("status", ())

    first, second = cargo.bring("x", send), cargo.bring("x", send)
    next(first), next(second)
    with pytest.raises(BadData):
        first.throw(BadData("lost"))
    assert second.send(None) == Call("status", ())
