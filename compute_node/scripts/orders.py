"""What a node tells the watchdog of a job, and what the watchdog answers: one line of JSON each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from compute_node.scripts.box import Box, Level, box_from_json
from compute_node.scripts.cgroups import Parents

LEASE_S = 60.0  # that a job lives without a word from its node


@dataclass(frozen=True, slots=True)
class Start:
    """The first line: run this.

    Attributes:
        parents: where the node may make control groups.
        engine: of containers, its URL.
        lease_s: how long the job may live, in seconds, until this is said anew.
        node: whose containers these are; a word without blanks.
    """

    box: Box
    level: Level
    parents: Parents
    engine: str = ""
    lease_s: float = LEASE_S
    node: str = ""

    def to_line(self) -> bytes:
        values = asdict(self) | {"box": self.box.to_json()}
        return json.dumps(values).encode() + b"\n"


def start_from_line(line: bytes) -> Start:
    values = json.loads(line)
    parents = {name: (version, folder) for name, (version, folder) in values["parents"].items()}
    return Start(**values | {"box": box_from_json(values["box"]), "level": Level(values["level"]), "parents": parents})


def lease_line(seconds: float) -> bytes:
    """Let the job live for so long from now."""
    return b"lease %f\n" % seconds


def stop_line(grace_s: float) -> bytes:
    """Ask the job to end, and end it after so long."""
    return b"stop %f\n" % grace_s


@dataclass(frozen=True, slots=True)
class Started:
    """The program runs; `enforced` are the limits that hold (fields of `Limits`)."""

    enforced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoStart:
    """The program could not be started, and nothing of it is left."""

    reason: str


@dataclass(frozen=True, slots=True)
class Used:
    """What the job uses, told every second while it runs.

    Attributes:
        memory_bytes: what its processes hold now.
        peak_bytes: the most that they held.
        processes: the most there were at a time.
        disk_bytes: what its files take now.
    """

    memory_bytes: int
    peak_bytes: int
    cpu_s: float
    processes: int
    disk_bytes: int
    peak_disk_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The job is over.

    Attributes:
        exit_status: of the program; 128 + N if signal N ended it.
        cause: "" if it ended by itself, "limit:NAME", "stopped", "lease", or "node" if node or watchdog was ended.
        is_clean: nothing that the job started is left.
        peak_bytes: the most memory that it held.
        disk_bytes: what its files took at the end.
    """

    exit_status: int
    cause: str
    is_clean: bool
    peak_bytes: int
    cpu_s: float
    processes: int
    disk_bytes: int
    peak_disk_bytes: int


News = Started | NoStart | Used | Ended
_KINDS: dict[str, type[News]] = {kind.__name__: kind for kind in (Started, NoStart, Used, Ended)}


def news_to_line(news: News) -> bytes:
    return json.dumps({"news": type(news).__name__, **asdict(news)}).encode() + b"\n"


def news_from_line(line: bytes) -> News:
    values = json.loads(line)
    kind = _KINDS[values.pop("news")]
    if kind is Started:
        values["enforced"] = tuple(values["enforced"])
    return kind(**values)
