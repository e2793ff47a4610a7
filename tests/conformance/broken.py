"""Ways to break a node: each spoils one piece of ours, as an implementation of another make might have it wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compute_node.admission import Admission
from compute_node.attempts import Attempts
from compute_node.coordinators import Coordinators
from compute_node.handler import NodeHandler
from compute_node.results import KeptResults
from compute_node.shards import ShardCache
from compute_node.training import ShardWorker
from rpc import session
from rpc.arrays import bytes_of
from rpc.blobs import BlobFolder
from rpc.digests import digest
from rpc.errors import BadData, MissingBlob, ProtocolError
from rpc.messages import BlobState, ShardSummary, TrainResult, TrainTask

Break = Callable[[pytest.MonkeyPatch], None]
Method = Callable[..., Any]


def spoiled(where: object, name: str, /, spoil: Callable[[Method], Method]) -> Break:
    """A function or method does what `spoil` makes of it."""
    return lambda patch: patch.setattr(where, name, spoil(getattr(where, name)))


def idle(where: object, name: str) -> Break:
    """A method does nothing."""
    return spoiled(where, name, lambda honest: lambda *args: None)


def says(where: object, name: str, /, **fields: Any) -> Break:
    """A method's result has other fields than it should."""
    return spoiled(where, name, lambda honest: lambda *args: replace(honest(*args), **fields))


def _speaks_as_it_is_spoken_to(patch: pytest.MonkeyPatch) -> None:
    greet: Method = NodeHandler.hello
    patch.setattr(session, "check_hello", lambda hello: None)
    patch.setattr(
        NodeHandler, "hello", lambda self, by, hello: replace(greet(self, by, hello), protocol=hello.protocol)
    )


def _knows_all_fields(honest: Method) -> Method:
    def decode(service: Any, frame: memoryview) -> Any:
        if b"later" in bytes(frame):
            raise ProtocolError("field 99 of Hello is unknown")
        return honest(service, frame)

    return decode


def _hangs_up(honest: Method) -> Method:
    def encode(error: Exception) -> Any:
        raise error

    return encode


def _counts_from_one(honest: Method) -> Method:
    def survey(*args: Any) -> ShardSummary:
        found: ShardSummary = honest(*args)
        return replace(found, label_counts=bytes(8) + found.label_counts[:-8])

    return survey


def _hides_the_line(honest: Method) -> Method:
    def survey(*args: Any) -> ShardSummary:
        try:
            found: ShardSummary = honest(*args)
        except BadData:
            raise BadData("a row is no row") from None
        return found

    return survey


def _takes_anything(honest: Method) -> Method:
    return lambda self, name, size, offset, data: (
        honest(self, name, size, offset, data) if size > 6 else BlobState(name, size, size)
    )


def _is_noisy(honest: Method) -> Method:
    """The attempt's number is in the last digits of the answer."""

    def train(*args: Any) -> TrainResult:
        result: TrainResult = honest(*args)
        delta = np.frombuffer(bytes(result.delta.data or b""), result.delta.dtype) + 1e-14 * result.fence
        data = bytes_of(delta)
        return replace(result, delta=replace(result.delta, data=bytes(data), digest=digest(data)))

    return train


def _finds_zeros(honest: Method) -> Method:
    def prepared(self: ShardCache, blob: str, *args: Any) -> Any:
        try:
            return honest(self, blob, *args)
        except MissingBlob:
            return np.zeros((4, 2)), np.zeros(4, np.int64)

    return prepared


def _makes_do_without(honest: Method) -> Method:
    def train_shard(self: NodeHandler, caller: Any, task: TrainTask) -> Any:
        if task.model.data is None:
            return TrainResult(task.attempt, task.fence, 4, task.model, 0.0, 1, 0.0)
        return honest(self, caller, task)

    return train_shard


def _drops_orphans(honest: Method) -> Method:
    return lambda self, asker: self._cancel([each for each in self._here if each.asker is asker])


def _tells_nobody(honest: Method) -> Method:
    def join(self: Attempts, attempt: Any, task: Any, asker: object) -> Any:
        attempt.reply, waiting = type(attempt.reply)(), attempt.reply
        attempt.task, attempt.asker = task, asker
        self.__dict__.setdefault("forgotten", []).append(waiting)
        return attempt.reply

    return join


def _greets_as(**fields: Any) -> Callable[[Method], Method]:
    return lambda honest: lambda self, caller, hello: honest(self, caller, replace(hello, **fields))


# By the name of the check: what is broken, and what the check says of it.
BROKEN: tuple[tuple[str, Break, str], ...] = (
    ("hello_tells_what_the_node_is", says(NodeHandler, "_introduction", name=""), "it has no name"),
    ("hello_tells_what_the_node_is", says(NodeHandler, "_introduction", slots=0), "it has 0 slots"),
    ("another_protocol_is_refused", _speaks_as_it_is_spoken_to, "it says to speak protocol"),
    (
        "fields_of_a_later_version_are_passed_over",
        spoiled(session, "decode_call", _knows_all_fields),
        "it hangs up instead of answering",
    ),
    (
        "a_method_of_a_later_version_is_answered",
        spoiled(session, "encode_unknown_method", _hangs_up),
        "it hangs up instead of answering",
    ),
    ("a_heartbeat_is_answered", says(NodeHandler, "status", load=7.0), "its load is 7.0"),
    ("a_shard_is_described", says(ShardWorker, "survey", fence=9), "fence 9"),
    ("a_shard_is_described", says(ShardWorker, "survey", rows=3), "it finds 3 rows"),
    ("a_shard_is_described", says(ShardWorker, "survey", mean=bytes(16)), "the means are [0. 0.]"),
    ("a_shard_is_described", spoiled(ShardWorker, "survey", _counts_from_one), "counted as [0, 1, 2]"),
    ("bad_data_is_refused_with_its_line", spoiled(ShardWorker, "survey", _hides_the_line), "a row is no row"),
    ("a_damaged_file_is_not_taken", spoiled(BlobFolder, "put", _takes_anything), "whose SHA-256 is not"),
    ("a_known_task_has_its_known_answer", says(ShardWorker, "train", loss=1.0), "the loss is 1.0"),
    ("a_known_task_has_its_known_answer", says(ShardWorker, "train", rows=5), "it says to have 5 rows"),
    ("a_known_task_has_its_known_answer", says(ShardWorker, "train", fence=9), "it answers for small/1/0#1"),
    ("the_same_task_gives_the_same_bits", spoiled(ShardWorker, "train", _is_noisy), "the bits are others"),
    (
        "a_large_vector_goes_and_comes_in_parts",
        spoiled(NodeHandler, "get_blob", lambda honest: lambda *args: bytes(len(honest(*args)))),
        "the digest of the delta is not that of its bytes",
    ),
    (
        "what_is_not_there_is_asked_for",
        spoiled(NodeHandler, "train_shard", _makes_do_without),
        "it trains without the model",
    ),
    ("what_is_not_there_is_asked_for", spoiled(ShardCache, "prepared", _finds_zeros), "it trains without the shard"),
    (
        "a_full_node_declines_and_a_cancelled_task_ends",
        lambda patch: patch.setattr(Admission, "is_full", False),
        "it takes a task more than its 2 slots",
    ),
    ("a_full_node_declines_and_a_cancelled_task_ends", idle(Attempts, "cancel"), "a call is not answered within"),
    (
        "a_result_is_kept_when_its_connection_ends",
        spoiled(KeptResults, "keep", lambda honest: lambda self, key, result, asker: result),
        "it does not tell of it when its coordinator is back",
    ),
    ("a_result_is_kept_when_its_connection_ends", idle(KeptResults, "answer"), "it would train again what it says"),
    (
        "a_result_is_dropped_once_its_round_is_committed",
        idle(KeptResults, "committed"),
        "it keeps the result of a round that is committed",
    ),
    ("nothing_is_kept_of_a_run_that_is_over", idle(KeptResults, "forget_run"), "it keeps a result of that run"),
    ("a_result_that_is_not_wanted_is_not_kept", idle(KeptResults, "refuse"), "it keeps a result that was refused"),
    (
        "a_coordinator_gets_nothing_of_another_one",
        spoiled(Coordinators, "greet", _greets_as(coordinator="all")),
        "it tells another coordinator of the result",
    ),
    (
        "a_restarted_coordinator_adopts_what_runs",
        spoiled(Attempts, "orphan", _drops_orphans),
        "it does not tell the later start of what runs",
    ),
    (
        "a_restarted_coordinator_adopts_what_runs",
        idle(Attempts, "_running"),
        "it runs adopted/1/0#1 and adopted/1/0#2, which are one task",
    ),
    (
        "a_stale_coordinator_is_refused",
        spoiled(Coordinators, "greet", _greets_as(epoch=1)),
        "it answers a start of a coordinator that a later one has replaced",
    ),
    ("who_waits_for_a_stale_attempt_is_told", spoiled(Attempts, "_join", _tells_nobody), "a call is not answered"),
)
