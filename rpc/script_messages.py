"""What is said of script jobs: what is asked for, what a node is told, and what it tells. Part of rpc.messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rpc.buffers import Buffer
from rpc.specs import DataFile

SANDBOXES = ("docker", "bwrap", "rlimits")
SCRIPTS = "scripts"  # the label in which a node says in which sandboxes it takes jobs, the usual one first, or ...
TRYING, NO_SANDBOX = "trying", "none"  # ... that it is still finding out, or takes none
# Labels for the most that one job may have here, where the node's owner has set that, and whether it gets a network.
JOB_MEMORY, JOB_CPUS, JOB_NETWORK = "job-memory", "job-cpus", "job-network"


@dataclass(frozen=True, slots=True)
class ScriptSpec:
    name: str
    bundle: DataFile
    main: str = "main.py"
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    requirements: str = "requirements.txt"
    datasets: tuple[DataFile, ...] = ()
    timeout_s: float = 0.0
    memory_bytes: int = 0
    cpus: float = 0.0
    gpus: int = 0
    pids: int = 0
    disk_bytes: int = 0
    network: str = "none"
    sandbox: str = ""
    image: str = ""
    select: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    owner: str = ""
    key: str = ""
    retries: int = 3
    inline_code: bool = False
    force_queue: bool = False
    after: tuple[str, ...] = ()
    array: str = ""

    @property
    def predecessors(self) -> tuple[tuple[str, bool], ...]:
        """What it comes after, each with whether however that ends: of `JOB`, `JOB:ok` or `JOB:any`."""
        return tuple(map(_named_end, self.after))


def _named_end(text: str) -> tuple[str, bool]:
    name, colon, how = text.rpartition(":")
    return (name, how == "any") if colon and how in ("ok", "any") else (text, False)


@dataclass(frozen=True, slots=True)
class ScriptTask:
    attempt: str
    fence: int
    job: str
    spec: ScriptSpec
    left_s: float = 0.0
    lease_s: float = 60.0
    log_start: int = 0


@dataclass(frozen=True, slots=True)
class ScriptUsage:
    cpu_s: float = 0.0
    memory_bytes: int = 0
    peak_memory_bytes: int = 0
    disk_bytes: int = 0
    processes: int = 0
    peak_disk_bytes: int = 0
    gpu_memory_bytes: int = 0
    peak_gpu_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    status: int
    failure: int = 0
    reason: str = ""
    artifacts: tuple[DataFile, ...] = ()
    seconds: float = 0.0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class ScriptNews:
    attempt: str
    fence: int
    phase: str
    log: Buffer = b""
    start: int = 0
    next_offset: int = 0
    usage: ScriptUsage = ScriptUsage()
    ended: ScriptEnd | None = None
    sandbox: str = ""


@dataclass(frozen=True, slots=True)
class JobDetail:
    spec: ScriptSpec
    node: str = ""
    sandbox: str = ""
    phase: str = ""
    attempts: int = 0
    usage: ScriptUsage = ScriptUsage()
    status: int = 0
    artifacts: tuple[DataFile, ...] = ()
    last_lines: tuple[str, ...] = ()
    log_bytes: int = 0
    result: str = ""


@dataclass(frozen=True, slots=True)
class LogPage:
    log: Buffer = b""
    start: int = 0
    next_offset: int = 0
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    number: int
    name: str
    step: int
    value: float
    at_ms: int = 0
