"""Our own frozen form of every message: what the programs see in place of generated Thrift classes.

Field names, order and meaning are those of idl/trainer.thrift, which has the comments; convert.py checks it.
A received binary above 32 KiB is a memoryview of the connection's buffer: copy what must outlive the call. To
send, any buffer will do; `bytes` is the quickest for a small one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlcore.settings import TrainSettings
from rpc.buffers import Buffer
from rpc.event_messages import AttemptRow, EventPage, EventQuery, EventRow, Reason, Why
from rpc.identity_messages import AuditRow, Token
from rpc.node_messages import GpuUse, Join, NodeRow, NodeStatus
from rpc.schedule_messages import Schedule
from rpc.script_messages import (
    JOB_CPUS,
    JOB_MEMORY,
    JOB_NETWORK,
    NO_SANDBOX,
    SANDBOXES,
    SCRIPTS,
    TRYING,
    JobDetail,
    LogPage,
    Metric,
    ScriptEnd,
    ScriptNews,
    ScriptSpec,
    ScriptTask,
    ScriptUsage,
)
from rpc.selectors import selected_by, selects
from rpc.specs import ADAPTIVE, DataFile, RunSpec, WorkFilter
from rpc.webhook_messages import Webhook
from rpc.work_messages import WorkRow

PROTOCOL_VERSION = 1
MAX_SLOTS = 256  # of one node; each is a connection
PART_BYTES = 4 << 20  # a larger vector or blob travels in parts of this size
SMALL_FRAME_BYTES = 64 << 10  # before hello, and on control connections
MAX_FRAME_BYTES = PART_BYTES + SMALL_FRAME_BYTES

__all__ = [
    "ADAPTIVE",
    "JOB_CPUS",
    "JOB_MEMORY",
    "JOB_NETWORK",
    "MAX_FRAME_BYTES",
    "MAX_SLOTS",
    "NO_SANDBOX",
    "PART_BYTES",
    "PROTOCOL_VERSION",
    "SANDBOXES",
    "SCRIPTS",
    "SMALL_FRAME_BYTES",
    "TRYING",
    "AttemptRow",
    "AuditRow",
    "Buffer",
    "DataFile",
    "EventPage",
    "EventQuery",
    "EventRow",
    "GpuUse",
    "JobDetail",
    "Join",
    "LogPage",
    "Metric",
    "NodeRow",
    "NodeStatus",
    "Reason",
    "RunSpec",
    "Schedule",
    "ScriptEnd",
    "ScriptNews",
    "ScriptSpec",
    "ScriptTask",
    "ScriptUsage",
    "Token",
    "TrainSettings",
    "Webhook",
    "Why",
    "WorkFilter",
    "WorkRow",
    "selected_by",
    "selects",
]


@dataclass(frozen=True, slots=True)
class Hello:
    protocol: int
    role: str
    version: str = ""
    token: str = field(default="", repr=False)
    coordinator: str = ""
    epoch: int = 0
    policy: str = ""
    connection: str = "control"


@dataclass(frozen=True, slots=True)
class HelloReply:
    protocol: int
    name: str
    version: str = ""
    device: str = "cpu"
    cores: int = 1
    memory_bytes: int = 0
    slots: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    numeric_classes: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    local_socket: str = ""
    identity: str = ""
    role: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Vector:
    dtype: str
    length: int
    digest: int
    name: str = ""
    data: Buffer | None = None


@dataclass(frozen=True, slots=True)
class SurveyTask:
    attempt: str
    fence: int
    run: str
    shard: int
    blob: str
    file: str = ""
    classes: int = 0


@dataclass(frozen=True, slots=True)
class ShardSummary:
    attempt: str
    fence: int
    rows: int
    columns: int
    max_label: int
    mean: Buffer = b""
    m2: Buffer = b""
    label_counts: Buffer = b""


@dataclass(frozen=True, slots=True)
class TrainTask:
    attempt: str
    fence: int
    run: str
    round: int
    shard: int
    blob: str
    file: str
    threads: int
    model: Vector
    settings: TrainSettings
    offset: Buffer = b""
    scale: Buffer = b""
    committed_round: int = 0


@dataclass(frozen=True, slots=True)
class TrainResult:
    attempt: str
    fence: int
    rows: int
    delta: Vector
    loss: float
    epochs_run: int
    compute_s: float


@dataclass(frozen=True, slots=True)
class BlobState:
    name: str
    size: int
    have: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    round: int
    model: str
    validation_error: float | None = None


@dataclass(frozen=True, slots=True)
class RoundRow:
    round: int
    validation_error: float | None = None
    validation_loss: float | None = None
    train_loss: float = 0.0
    seconds: float = 0.0
    wait_s: float = 0.0
    send_s: float = 0.0
    compute_s: float = 0.0
    receive_s: float = 0.0
    reduce_s: float = 0.0
    validate_s: float = 0.0
    tasks: int = 0
    rejections: int = 0
    retries: int = 0
    epochs_run: int = 0
    commit_s: float | None = None


@dataclass(frozen=True, slots=True)
class RunDetail:
    rounds: tuple[RoundRow, ...] = ()
    tasks_by_node: Mapping[str, int] = field(default_factory=dict)
    rejections: int = 0
    retries: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    model: str = ""
    model_sha256: str = ""
    model_bytes: int = 0
    layers: tuple[int, ...] = ()
    activation: str = "relu"
    dtype: str = "float32"
    numeric_class: str = ""
    mixed: bool = False
    offset: Buffer = b""
    scale: Buffer = b""
    parent: str = ""
    parent_round: int = 0


@dataclass(frozen=True, slots=True)
class WorkDetail:
    row: WorkRow
    run: RunDetail | None = None
    job: JobDetail | None = None
    failures: tuple[WorkRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Activity:
    node: str
    work: str
    kind: str
    round: int
    shard: int
    attempt: int


@dataclass(frozen=True, slots=True)
class News:
    row: WorkRow
    events: tuple[EventRow, ...] = ()
    last: int = 0
    activities: tuple[Activity, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    version: str
    policy: str
    uptime_s: float
    nodes: tuple[NodeRow, ...] = ()
    work: tuple[WorkRow, ...] = ()
    store_fault: str = ""
    store: str = ""
    pending: int = 0
    running: int = 0
    activities: tuple[Activity, ...] = ()
    ended: Mapping[str, int] = field(default_factory=dict)
    rounds: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    now_ms: int = 0
