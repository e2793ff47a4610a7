"""Results of tasks as the memo keeps them, and the keys that they are functions of."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from struct import Struct

from coordinator.core.workload import Plan, TrainPayload
from coordinator.memo import Memo, Record
from rpc.blobs import blob_name
from rpc.codec import from_bytes, to_bytes
from rpc.messages import DataFile, ShardSummary, TrainResult, Vector

_HEAD = Struct("<qqdqd")  # digest of the update, rows, loss, epochs, seconds; the name of the node follows

_LEAST_S = 0.0005  # what was computed in less is computed again as quickly as it is looked up


class Known:
    """What is known of surveys and updates: each is a pure function of its key."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo

    def survey(self, file: DataFile, classes: int) -> ShardSummary | None:
        record = self._memo.find((file.blob, classes))
        return None if record is None else from_bytes(ShardSummary, bytes(record.head))

    def keep_survey(self, file: DataFile, classes: int, summary: ShardSummary) -> None:
        self._memo.keep((file.blob, classes), to_bytes(summary), b"")

    def update(self, key: Hashable, plan: Plan) -> tuple[TrainResult, str] | None:
        """Return what a node answered, as yet unchecked, and the node."""
        record = self._memo.find(key)
        return None if record is None else _update_from(record, plan)

    def keep_update(self, key: Hashable, result: TrainResult, node: str) -> None:
        """Keep an update that passed the gate and is worth it."""
        assert result.delta.data is not None
        head = _HEAD.pack(result.delta.digest, result.rows, result.loss, result.epochs_run, result.compute_s)
        self._memo.keep(key, head + node.encode(), result.delta.data)

    def compare(self, key: Hashable, plan: Plan, result: TrainResult) -> None:
        """An update was computed once more: if that gave another one, neither is known."""
        record = self._memo.find(key)
        if record is not None and _update_from(record, plan)[0].delta.digest != result.delta.digest:
            self._memo.forget(key)

    def forget(self, key: Hashable) -> None:
        """Something is wrong with this update."""
        self._memo.forget(key)


def is_worth_keeping(result: TrainResult) -> bool:
    """Whether the update came with its result, and took a while."""
    return result.compute_s >= _LEAST_S and result.delta.data is not None


def recipe_of(plan: Plan, numeric_class: str) -> str:
    """All that the updates of a run are functions of but for model, round and shard, as a hash."""
    # A constant schedule does not ask how many rounds there are: a longer run begins with what a shorter one did.
    rounds = 0 if plan.settings.eta_schedule == "constant" else plan.settings.rounds
    settings = replace(plan.settings, rounds=rounds)
    inputs = (settings, plan.threads, bytes(plan.offset), bytes(plan.scale), numeric_class)
    return blob_name(repr(inputs).encode())


def update_key(recipe: str, model: Vector, payload: TrainPayload, file: DataFile) -> Hashable:
    """All that the update of a shard is a function of."""
    return recipe, model.digest, payload.round, payload.shard, file.blob


def _update_from(record: Record, plan: Plan) -> tuple[TrainResult, str]:
    update_digest, rows, loss, epochs_run, compute_s = _HEAD.unpack_from(record.head)
    delta = Vector(plan.settings.dtype, plan.n_weights, update_digest, data=record.data)
    node = bytes(record.head[_HEAD.size :]).decode()
    return TrainResult("", 0, rows, delta, loss, epochs_run, compute_s), node
