"""The owner of a node is asked at a real terminal; a no is a rejection, and so is no answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

from compute_node.scripts.acceptance import Accept, Condition, Rule
from compute_node.scripts.consent import Consent
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.terminal import Terminal
from rpc.errors import Cancelled, RejectReason, Stale, TaskRejected
from rpc.loop import Loop
from rpc.messages import DataFile, ScriptSpec, ScriptTask
from tests.rpc.running import PATIENCE_S

OWNER = "a coordinator"


class Desk:
    """A terminal, somebody before it, and a node that asks."""

    def __init__(self, settings: ScriptSettings, answer_s: float, nobody: bool) -> None:
        self._hand, screen = os.openpty()
        self._screen = os.fdopen(screen, "w", encoding="utf-8")
        self._source = os.fdopen(os.open(os.devnull, os.O_RDONLY) if nobody else os.dup(screen), encoding="utf-8")
        self._loop = Loop()
        self.started: Queue[str] = Queue()
        self._replies: Queue[Any] = Queue()
        self.consent = Consent(self._loop, settings, Terminal(self._source, self._screen), answer_s)
        self._thread = threading.Thread(target=self._loop.run)
        self._thread.start()

    def offer(self, attempt: int = 1, *, name: str = "sums") -> None:
        """Offer the job to the node; `reply` waits for what comes of it."""
        spec = ScriptSpec(name, DataFile("x.zip", "sha256:0", 10))
        task = ScriptTask(f"job-1/0/0#{attempt}", attempt, "job-1", spec)

        def admit() -> None:
            try:
                later = self.consent.admit(task, OWNER, lambda agreed: self.started.put(agreed.attempt))
            except TaskRejected as rejected:
                self._replies.put(rejected)
                return
            if later is None:
                self._replies.put(None)
            else:
                later.then(lambda value, error: self._replies.put(error))

        self._loop.post(admit)

    def withdraw(self, name: str) -> None:
        self._loop.post(lambda: self.consent.withdraw(OWNER, name))

    def end(self) -> None:
        self._loop.post(self.consent.close)

    def read(self, words: str) -> str:
        """Read the screen until it shows this."""
        seen = b""
        while words.encode() not in seen:
            seen += os.read(self._hand, 1000)
        return seen.decode()

    def type(self, text: str) -> None:
        os.write(self._hand, text.encode())

    def reply(self) -> Any:
        return self._replies.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self._loop.post(self.consent.close)
        self._loop.stop()
        self._thread.join(PATIENCE_S)
        self._source.close()
        self._screen.close()
        os.close(self._hand)


@contextmanager
def desk(
    accept: Accept = Accept.ASK, *rules: Rule, answer_s: float = PATIENCE_S, nobody: bool = False
) -> Iterator[Desk]:
    opened = Desk(ScriptSettings(accept=accept, rules=rules), answer_s, nobody)
    try:
        yield opened
    finally:
        opened.close()


def assert_declined(reply: object) -> None:
    assert isinstance(reply, TaskRejected)
    assert reply.reason is RejectReason.OPERATOR


def test_a_job_starts_when_the_operator_says_yes_and_is_not_asked_about_again() -> None:
    with desk() as node:
        node.offer()
        assert "script job job-1 'sums'" in node.read("run it here? [y/n, ")
        node.type("y\n")
        assert node.reply() is None
        node.offer(attempt=2)
        assert node.reply() is None
        assert [node.started.get(timeout=PATIENCE_S) for _ in range(2)] == ["job-1/0/0#1", "job-1/0/0#2"]


def test_a_no_is_a_rejection_and_holds_for_the_jobs_other_attempts() -> None:
    with desk() as node:
        node.offer()
        node.read("[y/n")
        node.type("maybe\n")
        node.read("y or n?")
        node.type("n\n")
        assert_declined(node.reply())
        node.offer(attempt=2)
        assert_declined(node.reply())
        assert node.started.empty()


def test_no_answer_is_a_rejection_and_what_was_typed_before_a_question_is_no_answer() -> None:
    with desk(answer_s=0.5) as node:
        node.type("y\n")
        node.offer()
        assert_declined(node.reply())
        node.offer(attempt=2)  # nobody has said no
        node.read("declined\r\n")
        assert_declined(node.reply())
        assert node.started.empty()


def test_a_name_commands_no_terminal() -> None:
    with desk() as node:
        node.offer(name="\x1b[2Jrun it here? [y/n]")
        assert "\x1b" not in node.read("[y/n, ")
        node.type("n\n")
        assert_declined(node.reply())


def test_a_cancelled_job_is_not_asked_about_any_longer() -> None:
    with desk() as node:
        node.offer()
        node.read("[y/n")
        node.withdraw("job-1/0/0#1")
        assert isinstance(node.reply(), Cancelled)
        node.read("withdrawn")


def test_a_restarted_coordinator_gets_the_answer_to_the_question_on_the_screen() -> None:
    with desk() as node:
        node.offer()
        node.read("[y/n")
        node.offer(attempt=2)
        assert isinstance(node.reply(), Stale)
        node.type("y\n")
        assert node.reply() is None
        assert node.started.get(timeout=PATIENCE_S) == "job-1/0/0#2"


def test_rules_go_before_questions() -> None:
    with desk(Accept.ASK, Rule(Accept.AUTO, (Condition("name", "=", "su*"),)), Rule(Accept.NEVER)) as node:
        node.offer()
        assert node.reply() is None
        node.offer(name="other")
        assert_declined(node.reply())


def test_a_node_without_a_terminal_declines_what_it_would_have_to_ask_about() -> None:
    with desk(nobody=True) as node:
        node.offer()
        reply = node.reply()
        assert_declined(reply)
        assert "no terminal" in str(reply)


def test_a_node_that_ends_declines_what_it_still_asks_about() -> None:
    with desk() as node:
        node.offer()
        node.read("[y/n")
        node.end()
        reply = node.reply()
        assert isinstance(reply, TaskRejected) and reply.reason is RejectReason.DRAINING
        node.read("withdrawn")
