"""Scripts on a slot connection: played step by step on a real channel, every end is an outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import pytest

from coordinator.core.events import Broke, Declined, Held, Outcome
from coordinator.errands import Cargo, Steps
from coordinator.scripts import Call, OnThread, Player, Script, Wait
from rpc.channel import Channel
from rpc.errors import BadData, FailureKind, RejectReason, TaskRejected
from rpc.messages import PROTOCOL_VERSION, Buffer, Hello, HelloReply, SurveyTask
from rpc.server import Caller, Later
from rpc.services import COMPUTE_NODE
from tests.rpc.running import PATIENCE_S, RunningLoop, RunningServer

TASK = SurveyTask("r/0/0#1", 1, "r", 0, "sha256:" + "0" * 64)


class Node:
    """Answers get_blob with its arguments; survey with what the test wants."""

    def __init__(self) -> None:
        self.survey_error: Exception | None = None

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "node")

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> Buffer:
        return f"{name} {offset} {length}".encode()

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

    def play(self, script: Script, timeout_s: float = 5.0) -> Queue[Outcome]:
        outcomes: Queue[Outcome] = Queue()
        aside: Callable[..., None] = lambda work, done: done(_result(work))  # noqa: E731
        self.running.do(Player(script, self.channel, aside, timeout_s, outcomes.put).play)
        return outcomes

    def close(self) -> None:
        self.running.do(self.channel.close)
        self.server.close()
        self.running.close()


def _result(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:
        return error


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
