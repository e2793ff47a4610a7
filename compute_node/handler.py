"""The ComputeNode service: translates calls into work for the executor, and decides nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from compute_node import machine
from compute_node.admission import Admission
from compute_node.config import NodeConfig
from compute_node.executor import Executor
from compute_node.training import ShardWorker
from compute_node.vectors import DELTA, MODEL, RoundVectors
from rpc.blobs import BlobFolder
from rpc.errors import Stale
from rpc.loop import Loop
from rpc.messages import (
    PROTOCOL_VERSION,
    BlobState,
    Buffer,
    Hello,
    HelloReply,
    NodeStatus,
    SurveyTask,
    TrainResult,
    TrainTask,
)
from rpc.program import VERSION
from rpc.server import Caller, Later

logger = logging.getLogger(__name__)

_NAMES_TOLD = 500  # blobs in the answer to hello, which must fit a small frame; others are just sent again
_HELLO_WAIT_S = 1.0  # how long hello waits for the self-test; later its result comes with the heartbeats


class NodeHandler:
    """What each call does. All methods run on the loop's thread."""

    def __init__(
        self, config: NodeConfig, loop: Loop, executor: Executor, admission: Admission, worker: ShardWorker,
        blobs: BlobFolder, vectors: RoundVectors,
    ) -> None:  # fmt: skip
        self._config = config
        self._loop = loop
        self._executor = executor
        self._admission = admission
        self._worker = worker
        self._blobs = blobs
        self._vectors = vectors
        self._attempts: set[str] = set()  # running, or waiting out a delay
        self._epochs: dict[str, int] = {}
        self._classes: Mapping[str, str] | None = None
        self._waiting_hellos: list[Callable[[], None]] = []
        self.device = config.device
        self.name = config.name

    def kernels_loaded(self, device: str) -> None:
        """It is known what computes here."""
        self.device = device

    def self_test_done(self, classes: Mapping[str, str]) -> None:
        """It is known which bits this node makes; answer whoever waited for that."""
        self._classes = classes
        waiting, self._waiting_hellos = self._waiting_hellos, []
        for answer in waiting:
            answer()

    def hello(self, caller: Caller, hello: Hello) -> HelloReply | Later:
        """Answer with what this node is; refuse a coordinator that has been replaced by a later start of itself."""
        if hello.epoch < self._epochs.get(hello.coordinator, 0):
            raise Stale(f"a later start of coordinator {hello.coordinator} has called already")
        self._epochs[hello.coordinator] = hello.epoch
        caller.on_closed(lambda: self._nobody_waits(caller))
        if self._classes is not None or hello.connection != "control":
            return self._introduction()
        later = Later()
        answer = lambda: later.resolve(self._introduction())  # noqa: E731
        self._waiting_hellos.append(answer)
        self._loop.call_later(_HELLO_WAIT_S, answer)
        return later

    def _introduction(self) -> HelloReply:
        return HelloReply(
            protocol=PROTOCOL_VERSION,
            name=self.name,
            version=VERSION,
            device=self.device,
            cores=machine.cores(),
            memory_bytes=machine.memory_bytes()[1],
            slots=self._config.slots,
            labels=machine.labels(),
            numeric_classes=self._classes or {},
            attempts=tuple(self._attempts),
            blobs=(*self._vectors.names, *self._blobs.names())[:_NAMES_TOLD],
        )

    def status(self, caller: Caller) -> NodeStatus:
        """Answer a heartbeat."""
        used, total = machine.memory_bytes()
        return NodeStatus(
            attempts=tuple(self._attempts),
            load=self._admission.load,
            cpu=machine.cpu_share(),
            memory_used_bytes=used,
            memory_total_bytes=total,
            numeric_classes=self._classes or {},
        )

    def survey(self, caller: Caller, task: SurveyTask) -> Later:
        """Describe a shard; no coin is thrown, it costs next to nothing."""
        return self._executor.run_file_work(lambda: self._worker.survey(task))

    def train_shard(self, caller: Caller, task: TrainTask) -> Later:
        """Train on a shard, at once or after the delay that the coin brings.

        Raises:
            TaskRejected: by the coin, or because every slot is in use.
        """
        wait_s = self._admission.enter(caller.hello.policy if caller.hello else "")
        self._attempts.add(task.attempt)
        caller.attributes["attempt"] = task.attempt
        logger.info("task %s: started (round %d, %s)", task.attempt, task.round, task.file)
        if not wait_s:
            return self._start(task)
        later = Later()

        def settle(result: TrainResult, error: Exception | None) -> None:
            if error is None:
                later.resolve(result)
            else:
                later.fail(error)

        self._loop.call_later(wait_s, lambda: self._start(task).then(settle))
        return later

    def _start(self, task: TrainTask) -> Later:
        def done() -> None:
            self._attempts.discard(task.attempt)
            self._admission.leave()

        return self._executor.run(lambda: self._worker.train(task), done)

    def cancel_attempt(self, caller: Caller, attempt: str, grace_ms: int) -> None:
        """Stop an attempt at its next step; harmless when it does not run here."""
        if attempt in self._attempts:
            self._worker.cancel(attempt)
        self._vectors.forget(DELTA + attempt)

    def _nobody_waits(self, caller: Caller) -> None:
        """A connection ended: what runs for it is for nothing."""
        attempt = caller.attributes.get("attempt")
        if attempt in self._attempts:
            self._worker.cancel(attempt)

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: Buffer) -> BlobState | Later:
        """Take one part of a shard or of a round's model."""
        if name.startswith(MODEL):
            return self._vectors.put(name, size, offset, data)
        return self._executor.run_file_work(lambda: self._blobs.put(name, size, offset, data))

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> Buffer:
        """Give one part of a delta."""
        return self._vectors.get(name, offset, length)

    def forget(self, caller: Caller, names: tuple[str, ...]) -> None:
        """Drop vectors that nobody needs any more."""
        for name in names:
            self._vectors.forget(name)
