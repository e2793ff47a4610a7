"""The owner's word on each script job: by rule at once, or asked at the terminal; a no is a rejection, no failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from compute_node.scripts.acceptance import Accept, verdict
from compute_node.scripts.jobs import place
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.terminal import Terminal
from rpc.aside import Aside
from rpc.errors import Cancelled, RejectReason, Stale, TaskRejected, TrainerError
from rpc.loop import Loop
from rpc.messages import ScriptTask
from rpc.plain_text import plain
from rpc.session import Later

ANSWER_S = 60.0
_MOST_ANSWERS = 10_000  # remembered; a job that is declined comes again when every other node has declined, too

Key = tuple[object, str]  # a job: whose, and its name


@dataclass(eq=False, slots=True)
class _Question:
    task: ScriptTask
    reply: Later
    withdrawn: Event = field(default_factory=Event)


class Consent:
    """All methods run on the loop's thread; the terminal is read on another."""

    def __init__(self, loop: Loop, settings: ScriptSettings, terminal: Terminal, answer_s: float = ANSWER_S) -> None:
        self._loop = loop
        self._settings = settings
        self._terminal = terminal
        self._answer_s = answer_s
        self._thread: Aside | None = None
        self._open: dict[Key, _Question] = {}
        self._answers: dict[Key, bool] = {}

    def admit(self, task: ScriptTask, owner: object, start: Callable[[ScriptTask], None]) -> Later | None:
        """Start the job if the node's owner has it, now or after a question.

        Raises:
            TaskRejected: the owner has not.
        """
        accept = verdict(task.spec, self._settings.rules, self._settings.accept)
        known = self._answers.get((owner, task.job))
        if accept is Accept.NEVER or (accept is Accept.ASK and known is False):
            raise _declined(task)
        if accept is Accept.AUTO or known:
            start(task)
            return None
        if not self._terminal.is_there:
            text = "this node asks its operator about every such job (--accept ask), and has no terminal to ask at"
            raise TaskRejected(RejectReason.OPERATOR, text)
        return self._ask(task, owner, start)

    @property
    def is_asking(self) -> bool:
        return bool(self._open)

    def places(self, owner: object) -> list[str]:
        """The tasks of a coordinator that may yet start here, and so nowhere else."""
        return [place(question.task) for key, question in self._open.items() if key[0] == owner]

    def withdraw(self, owner: object, name: str, error: TrainerError | None = None) -> None:
        """Nobody wants an answer any more about an attempt, or a job."""
        for key, question in list(self._open.items()):
            if key[0] == owner and name in (question.task.attempt, question.task.job):
                del self._open[key]
                question.withdrawn.set()
                question.reply.fail(error or Cancelled("it was cancelled before the node's operator had answered"))

    def close(self) -> None:
        """The node ends, and asks nobody any more."""
        for question in self._open.values():
            question.withdrawn.set()
            question.reply.fail(TaskRejected(RejectReason.DRAINING, "this node is about to end"))
        self._open.clear()
        if self._thread is not None:
            self._thread.close()

    def _ask(self, task: ScriptTask, owner: object, start: Callable[[ScriptTask], None]) -> Later:
        key = (owner, task.job)
        earlier = self._open.get(key)
        if earlier is not None:  # a restarted coordinator asks again: the question on the screen stays
            earlier.reply.fail(Stale(f"{earlier.task.attempt} goes on as {task.attempt}"))
            earlier.task, earlier.reply = task, Later()
            return earlier.reply
        if self._thread is None:
            self._thread = Aside(self._loop, 1, "operator")
        question = self._open[key] = _Question(task, Later())
        self._thread.run(
            lambda: self._terminal.ask(in_words(task), question.withdrawn, self._answer_s),
            lambda answer: self._answered(key, question, answer, start),
        )
        return question.reply

    def _answered(
        self, key: Key, question: _Question, answer: bool | Exception | None, start: Callable[[ScriptTask], None]
    ) -> None:
        if self._open.get(key) is not question:
            return
        del self._open[key]
        if isinstance(answer, bool):
            self._answers[key] = answer
            while len(self._answers) > _MOST_ANSWERS:
                del self._answers[next(iter(self._answers))]
        if isinstance(answer, Exception):
            question.reply.fail(answer)
        elif not answer:
            question.reply.fail(_declined(question.task, "" if answer is False else " (no answer)"))
        else:
            try:
                start(question.task)
            except TrainerError as error:  # the node has filled up meanwhile: it will not be asked about again
                question.reply.fail(error)
            else:
                question.reply.resolve(None)


def in_words(task: ScriptTask) -> str:
    """What an operator must know to decide."""
    spec = task.spec
    program = " ".join((spec.main, *spec.arguments))
    facts = [
        f"script job {task.job} {spec.name!r} of {spec.owner or 'nobody'}: {program[:200]}",
        f"bundle of {spec.bundle.size:,} bytes" + (f", {len(spec.datasets)} data sets" if spec.datasets else ""),
        f"network {spec.network}, sandbox {spec.sandbox or 'as usual'}"
        + (f", image {spec.image}" if spec.image else ""),
        f"memory {spec.memory_bytes / 1e6:,.0f} MB" if spec.memory_bytes else "memory as usual",
        f"{spec.cpus:g} cores" if spec.cpus else "cores as usual",
        f"{spec.gpus} GPUs" if spec.gpus else "no GPU",
        f"at most {spec.timeout_s:g} s" if spec.timeout_s else "no time limit",
    ]
    return plain("; ".join(facts)) + "\nrun it here?"


def _declined(task: ScriptTask, how: str = "") -> TaskRejected:
    return TaskRejected(RejectReason.OPERATOR, f"this node's operator does not want {task.job}{how}")
