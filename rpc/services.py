"""The methods of both services with the types of their arguments and results, in our own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from rpc import messages as m
from rpc.generated import ComputeNode, Coordinator
from rpc.messages import Buffer


@dataclass(frozen=True)
class Method:
    """One method: argument names and types in order, the type of the result, and when it may be called.

    `before_hello` says whether a connection that has not said hello may call it; such a call takes no list of structs.
    """

    module: ModuleType
    name: str
    arguments: Mapping[str, Any]
    result: Any
    before_hello: bool = False

    @cached_property
    def args_class(self) -> Any:
        return getattr(self.module, f"{self.name}_args")

    @cached_property
    def result_class(self) -> Any:
        return getattr(self.module, f"{self.name}_result")


@dataclass(frozen=True)
class Service:
    """A named set of methods."""

    name: str
    methods: Mapping[str, Method]


def _service(module: ModuleType, *methods: tuple[str, dict[str, Any], Any, bool]) -> Service:
    name = module.__name__.rpartition(".")[2]
    return Service(name, {entry[0]: Method(module, *entry) for entry in methods})


_HELLO = ("hello", {"hello": m.Hello}, m.HelloReply, True)
_PUT_BLOB = ("put_blob", {"name": str, "size": int, "offset": int, "data": Buffer}, m.BlobState, False)
_GET_BLOB = ("get_blob", {"name": str, "offset": int, "length": int}, Buffer, False)

COMPUTE_NODE = _service(
    ComputeNode,
    _HELLO,
    ("status", {}, m.NodeStatus, False),
    ("survey", {"task": m.SurveyTask}, m.ShardSummary, False),
    ("train_shard", {"task": m.TrainTask}, m.TrainResult, False),
    ("cancel_attempt", {"attempt": str, "grace_ms": int}, None, False),
    _PUT_BLOB,
    _GET_BLOB,
    ("forget", {"names": tuple[str, ...]}, None, False),
)

COORDINATOR = _service(
    Coordinator,
    _HELLO,
    ("train", {"dir": str, "rounds": int, "epochs": int, "h": int, "k": int, "eta": float}, float, True),
    ("submit_run", {"spec": m.RunSpec}, str, False),
    ("get_work", {"id": str}, m.WorkDetail, True),
    ("list_work", {}, tuple[m.WorkRow, ...], True),
    ("cancel_work", {"id": str, "reason": str}, m.WorkRow, True),
    ("watch", {"id": str, "after": int, "wait_ms": int}, m.News, True),
    ("overview", {}, m.Overview, True),
    _PUT_BLOB,
    _GET_BLOB,
)
