"""The methods of both services with the types of their arguments and results, in our own terms."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from struct import pack
from types import ModuleType, NoneType
from typing import Any, NamedTuple, get_args

from thrift.Thrift import TMessageType

from rpc import messages as m
from rpc.convert import Plan, plan
from rpc.generated import ComputeNode, Coordinator, ttypes
from rpc.messages import Buffer


class Outcome(NamedTuple):
    """What a reply holds: the result of a method, or one of the two declared exceptions."""

    success: Any = None
    rejected: Any = None
    failure: Any = None


@dataclass(frozen=True)
class Method:
    """One method: argument names and types in order, the type of the result, and when it may be called.

    `before_hello` says whether a connection that has not said hello may call it; such a call takes no list of
    structs. The cached properties are what the codec would otherwise make anew for every call.
    """

    module: ModuleType
    name: str
    arguments: Mapping[str, Any]
    result: Any
    before_hello: bool = False

    @cached_property
    def pack_arguments(self) -> Callable[..., tuple[Any, ...]]:
        """A named tuple of the arguments; those that came later, which older callers lack, are None without a value."""
        n_later = sum(type(None) in get_args(kind) for kind in self.arguments.values())
        return namedtuple(f"{self.name}_arguments", list(self.arguments), defaults=(None,) * n_later)

    @cached_property
    def call_plan(self) -> Plan:
        return plan(self.pack_arguments, self._idl("args"), self.arguments)

    @cached_property
    def reply_plan(self) -> Plan:
        idl = self._idl("result")
        kinds = {"success": self.result, "rejected": ttypes.Rejected, "failure": ttypes.Failure}
        return plan(Outcome, idl, {entry[2]: kinds[entry[2]] for entry in idl if entry is not None})

    @cached_property
    def may_reject(self) -> bool:
        """Whether the method declares `rejected`."""
        return any(entry is not None and entry[2] == "rejected" for entry in self._idl("result"))

    @cached_property
    def call_head(self) -> bytes:
        """The message header of a call up to the sequence number."""
        return message_head(TMessageType.CALL, self.name)

    @cached_property
    def reply_head(self) -> bytes:
        """The message header of a reply up to the sequence number."""
        return message_head(TMessageType.REPLY, self.name)

    @property
    def returns_nothing(self) -> bool:
        return self.result in (None, NoneType)

    def _idl(self, part: str) -> tuple[Any, ...]:
        spec: tuple[Any, ...] = getattr(self.module, f"{self.name}_{part}").thrift_spec
        return spec


@dataclass(frozen=True)
class Service:
    """A named set of methods."""

    name: str
    methods: Mapping[str, Method]

    @cached_property
    def by_call_head(self) -> Mapping[bytes, Method]:
        """The methods by how a call of each begins."""
        return {method.call_head: method for method in self.methods.values()}


def message_head(kind: int, name: str) -> bytes:
    """Message header but for its last word, the number: version and kind, length of the name, name."""
    data = name.encode()
    return pack("!II", 0x80010000 | kind, len(data)) + data


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
    ("set_drained", {"drained": bool}, None, False),
    ("forget", {"names": tuple[str, ...]}, None, False),
    ("start_script", {"task": m.ScriptTask}, None, False),
    ("follow", {"attempt": str, "log_offset": int, "wait_ms": int}, m.ScriptNews, False),
    ("preempt_attempt", {"attempt": str, "grace_ms": int}, None, False),
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
    ("list_nodes", {}, tuple[m.NodeRow, ...], True),
    ("add_node", {"address": str}, m.NodeRow, True),
    ("order_node", {"node": str, "order": str, "reason": str}, m.NodeRow, True),
    ("join", {"join": m.Join}, None, False),
    _PUT_BLOB,
    _GET_BLOB,
    ("glance", {"runs": int}, m.Overview, True),
    ("list_events", {"query": m.EventQuery}, m.EventPage, True),
    ("why", {"kind": str, "id": str}, m.Why, True),
    ("page_work", {"filter": m.WorkFilter}, tuple[m.WorkRow, ...], False),
    ("find_work", {"name": str}, m.WorkRow, True),
    ("list_checkpoints", {"id": str}, tuple[m.Checkpoint, ...], True),
    ("get_spec", {"id": str}, m.RunSpec, True),
    ("verify_run", {"id": str, "sample": float, "seed": int, "key": str | None}, str, False),
    ("remove_work", {"ids": tuple[str, ...]}, tuple[m.WorkRow, ...], False),
    ("submit_script", {"spec": m.ScriptSpec}, str, False),
    ("logs", {"id": str, "offset": int, "limit": int, "wait_ms": int}, m.LogPage, True),
    ("list_metrics", {"id": str, "after": int, "limit": int}, tuple[m.Metric, ...], True),
    ("list_attempts", {"id": str, "first_round": int, "last_round": int}, tuple[m.AttemptRow, ...], True),
    ("add_schedule", {"spec": m.ScriptSpec, "cron": str, "zone": str, "overlaps": bool}, m.Schedule, False),
    ("list_schedules", {}, tuple[m.Schedule, ...], False),
    ("order_schedule", {"id": str, "order": str}, m.Schedule, False),
    ("add_webhook", {"url": str, "states": tuple[str, ...], "secret": str, "key": str | None}, m.Webhook, False),
    ("list_webhooks", {"secrets": bool}, tuple[m.Webhook, ...], False),
    ("remove_webhook", {"id": str}, None, False),
    ("note_delivery", {"id": str, "last": int, "fault": str}, None, False),
    (
        "create_token",
        {"role": str, "owner": str, "name": str, "expires_ms": int, "node": str},
        m.Token,
        False,
    ),
    ("list_tokens", {}, tuple[m.Token, ...], False),
    ("revoke_token", {"id": str}, m.Token, False),
    ("list_audit", {"before": int, "limit": int}, tuple[m.AuditRow, ...], False),
    ("authority", {}, Buffer, True),
    ("get_work_since", {"id": str, "round": int}, m.WorkDetail, True),
)
