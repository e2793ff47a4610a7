"""What is done on a node's slot connection for one attempt: data and model out, result in through the gate."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from coordinator.core.events import Delivered, Held, Start
from coordinator.core.model import Attempt
from coordinator.core.training import TrainingRun
from coordinator.core.workload import Surveyed, SurveyPayload, TaskSpec, Trained, TrainPayload
from coordinator.data_files import check_data
from coordinator.gate import Weighing, check_shape, check_survey, count_rows, weigh
from coordinator.known import Known, is_worth_keeping, update_key
from coordinator.scripts import Call, Meanwhile, OnThread, Script, Step, Wait
from coordinator.vectors import RunVectors, model_name
from mlcore.kernels.backend import FloatArray
from rpc.arrays import bytes_of
from rpc.blobs import BlobFolder, parts
from rpc.convert import owned
from rpc.errors import BadUpdate, MissingBlob
from rpc.messages import PART_BYTES, Buffer, DataFile, ScriptTask, ShardSummary, SurveyTask, TrainResult, TrainTask
from rpc.templates import Filled, Template

Steps = Generator[Step, Any, None]

_SMALL_BYTES = 1 << 20  # below it the gate costs less than handing a delta to a thread


class Cargo:
    """What one node session holds already, and what is on its way there: nothing is sent twice."""

    def __init__(self, held: set[str]) -> None:
        self.held = held
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def bring(self, name: str, send: Callable[[], Steps]) -> Steps:
        """Have `name` on the node: sent by the first who asks, awaited by the others."""
        while name in self._waiting:
            yield Wait(self._waiting[name].append)
        if name in self.held:
            return
        self._waiting[name] = []
        try:
            yield from send()
            self.held.add(name)
        finally:
            for go_on in self._waiting.pop(name):
                go_on()


class Errands:
    """Makes the scripts of attempts."""

    def __init__(self, blobs: BlobFolder, known: Known) -> None:
        """What nodes answer becomes known."""
        self._blobs = blobs
        self._known = known
        self._count = 0

    def survey(self, run: TrainingRun, start: Start, cargo: Cargo) -> Script:
        assert isinstance(start.task.payload, SurveyPayload)
        shard = start.task.payload.shard
        file = run.spec.shards[shard]
        task = SurveyTask(start.attempt.id, start.attempt.fence, run.id, shard, file.blob, file.file, run.spec.classes)
        bring = partial(bring_file, self._blobs, file, cargo)
        yield from bring()
        summary: ShardSummary = owned((yield from ask("survey", task, cargo, needs=(file.blob,), bring=bring)))
        _check_echo(summary, task.attempt, task.fence)
        check_survey(summary, (yield OnThread(lambda: count_rows(self._blobs.read(file.blob)))))
        self._known.keep_survey(file, run.spec.classes, summary)
        return Delivered("", Surveyed(summary))

    def train(self, run: TrainingRun, vectors: RunVectors, start: Start, cargo: Cargo) -> Script:
        payload = start.task.payload
        assert isinstance(payload, TrainPayload)
        file = run.spec.shards[payload.shard]
        began = perf_counter()
        model = vectors.wire[payload.round - 1]
        bring = partial(self._bring, run, vectors, payload, cargo)
        if model.data is None or file.blob not in cargo.held:
            yield from bring()
        template = vectors.tasks.get(payload.round) or _template(run, payload, vectors)
        attempt_id, fence = start.attempt.id, start.attempt.fence
        task = template.fill(attempt_id, fence, payload.shard, file.blob, file.file)
        sent = perf_counter()
        result: TrainResult = yield from ask("train_shard", task, cargo, needs=(file.blob, model.name), bring=bring)
        answered = perf_counter()
        _check_echo(result, attempt_id, fence)
        check_shape(result, payload)
        overhead_s = max(0.0, answered - sent - result.compute_s) / 2.0  # the call itself, there and back
        send_s = sent - began + overhead_s
        if result.delta.data is None:
            vectors.waiting[attempt_id] = (result, send_s)
            return Held()
        delta = vectors.memory.take(result.delta.length, result.delta.dtype)
        if delta.nbytes <= _SMALL_BYTES:
            weigh(delta, result.delta.data, result, payload)
        else:
            yield OnThread(partial(weigh, delta, result.delta.data, result, payload))
        receive_s = perf_counter() - answered + overhead_s
        node = start.attempt.node_id
        if vectors.recipe and is_worth_keeping(result):
            self._learn(update_key(vectors.recipe, model, payload, file), result, payload, node)
        return self._deliver(vectors, attempt_id, delta, _trained(result, send_s, receive_s, node))

    def _bring(self, run: TrainingRun, vectors: RunVectors, payload: TrainPayload, cargo: Cargo) -> Steps:
        """Have all on the node that a task of training needs."""
        yield from bring_file(self._blobs, run.spec.shards[payload.shard], cargo)
        model = vectors.wire[payload.round - 1]
        if model.data is None:
            data = bytes_of(vectors.models[payload.round - 1])
            yield from cargo.bring(model.name, lambda: _send(model.name, data))
            cargo.held.discard(model_name(run.id, payload.round - 2))  # a node keeps the newest model of a run

    def _learn(self, key: Hashable, result: TrainResult, payload: TrainPayload, node: str) -> None:
        if payload.is_fresh:
            self._known.compare(key, payload.plan, result)
        else:
            self._known.keep_update(key, result, node)

    def fetch(self, vectors: RunVectors, attempt: Attempt, task: TaskSpec) -> Script:
        """Bring a delta that waits on the node, part by part into its own memory."""
        assert isinstance(task.payload, TrainPayload)
        payload = task.payload
        result, send_s = vectors.waiting.pop(attempt.id)
        began = perf_counter()
        delta = vectors.memory.take(result.delta.length, result.delta.dtype)
        weighing = Weighing(delta, result, payload)
        name, (first, *others) = result.delta.name, parts(delta.nbytes)
        part = _whole((yield Call("get_blob", (name, *first))), first)
        for place in others:
            part = _whole((yield Meanwhile(Call("get_blob", (name, *place)), partial(weighing.take, part))), place)
        yield Meanwhile(Call("forget", ((name,),)), partial(weighing.take, part))
        weighing.finish()
        trained = _trained(result, send_s, perf_counter() - began, attempt.node_id)
        return self._deliver(vectors, attempt.id, delta, trained)

    def _deliver(self, vectors: RunVectors, attempt_id: str, delta: FloatArray, trained: Trained) -> Delivered:
        self._count += 1
        holder = f"{attempt_id}@{self._count}"
        vectors.sums[holder] = delta
        return Delivered(holder, trained)


def bring_file(blobs: BlobFolder, file: DataFile, cargo: Cargo) -> Steps:
    """Have a file on the node, part by part; it may be larger than the memory."""
    yield from cargo.bring(file.blob, lambda: _send_file(blobs, file))


def _send_file(blobs: BlobFolder, file: DataFile) -> Steps:
    name, have = file.blob, 0
    size = yield OnThread(lambda: check_data(file, blobs))
    while True:
        part = yield OnThread(partial(blobs.get, name, have, PART_BYTES))
        state = yield Call("put_blob", (name, size, have, part))
        if state.have >= size:
            return
        _check_progress(name, have, state.have, size)
        have = state.have


def _send(name: str, data: memoryview) -> Steps:
    """Send what the node lacks of a blob, from where it left off."""
    size = data.nbytes
    state = yield Call("put_blob", (name, size, 0, data[:PART_BYTES]))
    while state.have < size:
        have = state.have
        state = yield Call("put_blob", (name, size, have, data[have : have + PART_BYTES]))
        _check_progress(name, have, state.have, size)


def _check_progress(name: str, before: int, have: int, size: int) -> None:
    if have <= before:
        raise MissingBlob(f"{name}: the node still has {have} of {size} bytes after more were sent")


def _whole(part: Buffer, place: tuple[int, int]) -> Buffer:
    """Return a part; raises BadUpdate if it has another length than its place."""
    length = memoryview(part).nbytes
    if length != place[1]:
        raise BadUpdate(f"a part of {length} bytes where {place[1]} are due")
    return part


def _template(run: TrainingRun, payload: TrainPayload, vectors: RunVectors) -> Template:
    """What all tasks of a round are told."""
    plan = payload.plan
    task = TrainTask(
        attempt="",
        fence=0,
        run=run.id,
        round=payload.round,
        shard=0,
        blob="",
        file="",
        threads=plan.threads,
        model=vectors.wire[payload.round - 1],
        settings=plan.settings,
        offset=plan.offset,
        scale=plan.scale,
        committed_round=run.kept,
    )
    template = vectors.tasks[payload.round] = Template(task, "attempt", "fence", "shard", "blob", "file")
    return template


def ask(
    method: str,
    task: SurveyTask | ScriptTask | Filled,
    cargo: Cargo,
    *,
    needs: Sequence[str],
    bring: Callable[[], Steps],
) -> Generator[Step, Any, Any]:
    """Call the node with a task. What it lacks of what that needs (it may have made room) is sent again, but once."""
    for is_last in (False, True):
        try:
            return (yield Call(method, (task,)))
        except MissingBlob:
            cargo.held.difference_update(needs)
            if is_last:
                raise
        yield from bring()


def _trained(result: TrainResult, send_s: float, receive_s: float, node: str) -> Trained:
    digest = result.delta.digest
    return Trained(result.loss, result.epochs_run, send_s, result.compute_s, receive_s, digest, node)


def _check_echo(reply: ShardSummary | TrainResult, attempt_id: str, fence: int) -> None:
    """Every reply repeats what it answers; anything else would be booked under the wrong shard."""
    if (reply.attempt, reply.fence) != (attempt_id, fence):
        raise BadUpdate(f"answered attempt {reply.attempt} (fence {reply.fence}) when asked for {attempt_id}")
