"""The ComputeNode service: translates calls into work for the threads, and decides nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import accumulate

from compute_node import machine
from compute_node.admission import Admission
from compute_node.attempts import Attempts
from compute_node.budget import Budget
from compute_node.config import NodeConfig
from compute_node.coordinators import Coordinators
from compute_node.meter import Meter
from compute_node.models import MODEL
from compute_node.results import DELTA
from compute_node.scripts.service import ScriptService
from compute_node.training import ShardWorker
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import BadRequest, Refused, Unauthenticated
from rpc.loop import Loop
from rpc.messages import (
    PROTOCOL_VERSION,
    BlobState,
    Buffer,
    Hello,
    HelloReply,
    NodeStatus,
    ScriptTask,
    SurveyTask,
    TrainResult,
    TrainTask,
)
from rpc.program import VERSION
from rpc.server import Caller, Later
from rpc.tokens import digest_of, is_same

logger = logging.getLogger(__name__)

_PLACES_BYTES = 16 << 10  # of all tasks named in the answer to hello, which must fit a small frame
_NAMES_BYTES = 32 << 10  # of all vectors and blobs named there
_MAX_ATTEMPT_BYTES = 100  # of an attempt's name, for the same reason
_MAX_REASON = 500  # characters of why the self-test failed
_HELLO_WAIT_S = 1.0  # how long hello waits for the self-test; later its result comes with the heartbeats


class NodeHandler:
    """What each call does. All methods run on the loop's thread."""

    def __init__(
        self, config: NodeConfig, loop: Loop, *, admission: Admission, slots: Aside, files: Aside, worker: ShardWorker,
        blobs: BlobFolder, scripts: ScriptService, meter: Meter,
    ) -> None:  # fmt: skip
        self._config = config
        # Whom a node has joined may call it: it was the node that chose whom to dial.
        self._token_digest = digest_of(config.token) if config.token and config.join is None else ""
        self._loop = loop
        self._admission = admission
        self._attempts = Attempts(loop, slots, admission, worker, grace_s=config.orphan_grace_s)
        self._files = files
        self._worker = worker
        self._blobs = blobs
        self._scripts = scripts
        self._meter = meter
        self._coordinators = Coordinators(loop, Budget(config.vector_bytes))
        self._classes: Mapping[str, str] | None = None
        self._labels = machine.labels()
        self._late_labels: dict[str, str] = {}
        self._waiting_hellos: list[Callable[[], None]] = []
        self.device = config.device
        self.name = config.name
        self.identity = ""
        self.local_socket = ""
        self.on_drained: Callable[[bool], None] = lambda drained: None

    def kernels_loaded(self, device: str) -> None:
        """It is known what computes here."""
        self.device = device

    def found_labels(self, labels: Mapping[str, str]) -> None:
        """More is known of the machine than at the start."""
        self._late_labels.update(labels)

    @property
    def is_fetched_from(self) -> bool:
        """Whether a coordinator fetches a delta."""
        return self._coordinators.is_fetching

    def leave(self) -> None:
        """Take nothing new from now on, and say so."""
        self._admission.is_closed = True

    def self_test_done(self, classes: Mapping[str, str]) -> None:
        """It is known which bits this node makes; answer whoever waited for that."""
        self._classes = classes
        waiting, self._waiting_hellos = self._waiting_hellos, []
        for answer in waiting:
            answer()

    def self_test_failed(self, reason: str) -> None:
        """Nothing can be trained here: the label `self-test` says so from now on."""
        self._late_labels["self-test"] = f"failed: {reason[:_MAX_REASON]}"
        self.self_test_done({})

    def hello(self, caller: Caller, hello: Hello) -> HelloReply | Later:
        """Answer with what this node is.

        Raises:
            Refused: a client calls.
            Unauthenticated: a coordinator calls without the token that this node wants to see.
            Stale: a coordinator calls that has been replaced by a later start of itself.
        """
        if hello.role == "client":
            raise Refused("this is a compute node; clients go to the coordinator, usually port 9095")
        if self._token_digest and not is_same(hello.token, self._token_digest):
            raise Unauthenticated("this node serves coordinators that show its token: see --node-token-file there")
        if caller.attributes.get("coordinator", hello.coordinator) != hello.coordinator:
            raise Refused("this connection is another coordinator's already; open one for each")
        caller.on_closed(lambda: self._attempts.orphan(caller))
        self._coordinators.greet(caller, hello)
        caller.attributes["coordinator"] = hello.coordinator
        self._scripts.greeted(hello.coordinator, by_control=hello.connection == "control")
        if self._classes is not None or hello.connection != "control":
            return self._introduction(caller)
        later = Later()

        def answer() -> None:
            later.resolve(self._introduction(caller))

        self._waiting_hellos.append(answer)
        self._loop.call_later(_HELLO_WAIT_S, answer)
        return later

    def _introduction(self, caller: Caller) -> HelloReply:
        here = self._coordinators.here(caller)
        # Script jobs first: one that is not named is taken for dead, other work is just done again.
        places = [*self._scripts.places(_owner(caller)), *self._attempts.places(here), *here.results.places]
        names = [*here.names, *self._blobs.names()]
        return HelloReply(
            protocol=PROTOCOL_VERSION,
            name=self.name,
            version=VERSION,
            device=self.device,
            cores=machine.cores(),
            memory_bytes=machine.memory_bytes()[1],
            slots=self._config.slots,
            labels={**self._labels, **self._late_labels, **self._scripts.labels, **self._config.labels},
            numeric_classes=self._classes or {},
            attempts=_as_many_as_fit(places, _PLACES_BYTES),
            blobs=_as_many_as_fit(names, _NAMES_BYTES),  # and sent again
            local_socket=self.local_socket if caller.is_on_this_host else "",
            identity=self.identity,
        )

    def status(self, caller: Caller) -> NodeStatus:
        """Answer a heartbeat."""
        late = {**self._late_labels, **self._scripts.labels}
        self._scripts.heard(_owner(caller))
        status = NodeStatus(
            attempts=(*self._attempts.names, *self._scripts.names),
            load=self._admission.load,
            numeric_classes=self._classes or {},
            labels={**late, **self._config.labels} if late else {},
            leaving=self._admission.is_closed,
        )
        return self._meter.measured(status)

    def survey(self, caller: Caller, task: SurveyTask) -> Later:
        """Describe a shard; no coin is thrown, it costs next to nothing."""
        return self._files.later(lambda: self._worker.survey(task))

    def train_shard(self, caller: Caller, task: TrainTask) -> Later | TrainResult:
        """Train on a shard, or give the result that is here already.

        Raises:
            TaskRejected: it may not start here now.
            BadRequest: the attempt's name is too long.
        """
        _check_name(task.attempt)
        policy = caller.hello.policy if caller.hello else ""
        return self._attempts.start(task, caller, self._coordinators.here(caller), policy=policy)

    def start_script(self, caller: Caller, task: ScriptTask) -> Later | None:
        """Start a script job, or go on with one that is here.

        Raises:
            TaskRejected: this node does not take it, or not now.
            BadRequest: the attempt's name is too long.
            Stale: the coordinator has gone on meanwhile.
        """
        _check_name(task.attempt)
        self._coordinators.check_present(caller)
        return self._scripts.start(task, _owner(caller))

    def follow(self, caller: Caller, attempt: str, log_offset: int, wait_ms: int) -> Later:
        """What is new of a script job since an offset of its log."""
        return self._scripts.follow(_owner(caller), attempt, log_offset, wait_ms)

    def cancel_attempt(self, caller: Caller, attempt: str, grace_ms: int) -> None:
        """Stop an attempt at its next step; harmless when it does not run here."""
        self._attempts.cancel(attempt)
        self._scripts.cancel(_owner(caller), attempt, grace_ms)
        self._coordinators.here(caller).results.refuse(attempt)

    def preempt_attempt(self, caller: Caller, attempt: str, grace_ms: int) -> None:
        """Have a script job end, to go on elsewhere; harmless when it does not run here."""
        self._scripts.preempt(_owner(caller), attempt, grace_ms)

    def set_drained(self, caller: Caller, drained: bool) -> None:
        """Note whether the coordinator places nothing here."""
        self.on_drained(drained)

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: Buffer) -> BlobState | Later:
        """Take one part of a shard or of a round's model."""
        if name.startswith(MODEL):
            return self._coordinators.here(caller).models.put(name, size, offset, data)
        return self._files.later(lambda: self._blobs.put(name, size, offset, data))

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> Buffer | Later:
        """Give one part of a delta, or of a file that a script job has left."""
        if not name.startswith(DELTA):
            return self._scripts.artifact(_owner(caller), name, offset, length)
        return self._coordinators.here(caller).results.part(name, offset, length)

    def forget(self, caller: Caller, names: tuple[str, ...]) -> None:
        """Drop vectors that nobody needs any more; of a run that is over, `model:RUN/`, all that is here."""
        here = self._coordinators.here(caller)
        for name in names:
            if name.startswith(DELTA):
                here.results.fetched(name)
            elif name.endswith("/"):
                run = name.removeprefix(MODEL)[:-1]
                self._attempts.end_orphans(here, run)
                self._scripts.forget(_owner(caller), run)
                here.forget_run(run)
            else:
                here.models.forget(name)

    def close(self) -> None:
        """Stop what runs."""
        self._attempts.cancel_all()
        self._scripts.close()


def _owner(caller: Caller) -> str:
    """Whose script jobs these are: however long that coordinator was away."""
    coordinator: str = caller.attributes["coordinator"]
    return coordinator


def _check_name(attempt: str) -> None:
    if len(attempt.encode()) > _MAX_ATTEMPT_BYTES:
        raise BadRequest(f"attempt {attempt[:40]!r}...: the name has more than {_MAX_ATTEMPT_BYTES} bytes")


def _as_many_as_fit(names: list[str], limit: int) -> tuple[str, ...]:
    """The first names that together stay below the limit, each with its length in four bytes."""
    ends = accumulate(len(name.encode()) + 4 for name in names)
    return tuple(name for name, end in zip(names, ends, strict=True) if end <= limit)
