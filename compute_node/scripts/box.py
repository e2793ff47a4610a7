"""What a job gets: its folder, its program, and how much of the machine."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum, unique
from typing import NamedTuple

from rpc.errors import BadRequest

MIB = 1 << 20
GIB = 1 << 30
NICE = 10  # that jobs are below the node, whose heartbeats must be on time
OOM_SCORE = 800  # of 1000: when the machine runs out of memory, jobs end before the node does

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_PATH = "/usr/local/bin:/usr/bin:/bin"


@unique
class Level(StrEnum):
    """How strongly a job is kept apart from the machine, weakest last."""

    DOCKER = "docker"
    BWRAP = "bwrap"
    RLIMITS = "rlimits"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one job may use in all, its children included.

    Attributes:
        memory_bytes: what its processes hold.
        cpus: cores' worth of time; 1.5 is one and a half.
        pids: processes and threads at a time.
        disk_bytes: what lies in its folder.
        files: files and folders in there.
        file_bytes: a single file.
        open_files: a single process holds open.
        time_s: from the start of the program; None: as long as it likes.
    """

    memory_bytes: int = 512 * MIB
    cpus: float = 1.0
    pids: int = 64
    disk_bytes: int = 2 * GIB
    files: int = 20_000
    file_bytes: int = GIB
    open_files: int = 256
    time_s: float | None = None

    def __post_init__(self) -> None:
        for name in LIMIT_NAMES:
            value = getattr(self, name)
            if value is None and name == "time_s":
                continue
            if not math.isfinite(value) or value <= 0:
                raise BadRequest(f"limit {name} is {value}; it must be above 0")


LIMIT_NAMES = tuple(each.name for each in fields(Limits))


@dataclass(frozen=True, slots=True)
class Inside:
    """Where a job finds its places: the paths that it sees, which are not always the node's.

    Attributes:
        all_gpus: whether it sees all GPUs of the machine; else its own alone, which CUDA numbers from 0 there.
    """

    work: str
    out: str
    tmp: str
    all_gpus: bool = False


class Volume(NamedTuple):
    """A folder of the node that containers see, and where they see it."""

    source: str
    inside: str
    is_writable: bool = False

    def __str__(self) -> str:
        return f"{self.source}:{self.inside}:{'rw' if self.is_writable else 'ro'}"


@dataclass(frozen=True, slots=True)
class Box:
    """One job, ready to run.

    The folder holds `bundle`, a copy of the bundle that is the job's own (it is the current folder of the program
    and may be written to), and gets `out` for what is kept and `tmp`. The program sees `out` as a folder of its own.

    Attributes:
        name: unique on the machine; letters, digits, `.`, `_` and `-`.
        folder: of this job on the node, absolute.
        argv: the program; its first word a path that exists inside.
        env: variables on top of the standard ones.
        read_only: paths of the node that the program needs: the Python installation, the job's environment.
        writable: folders of the node that the job fills, seen where they are; they count as its disk, are its own
            while it runs, and the node's again thereafter.
        datasets: folders of the node, seen as `data/NAME`.
        image: for containers, with its digest.
        gpus: numbers of the GPUs that it may use.
        volumes: folders of the node that a container sees elsewhere; they count as nobody's disk.
        builds: the image that the container becomes if the program ends well: its name, and what else is said of it
            in the words of a Dockerfile. Such a program is root in its container, and changes what is in there.
    """

    name: str
    folder: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    network: bool = False
    read_only: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    datasets: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    gpus: tuple[int, ...] = ()
    volumes: tuple[Volume, ...] = ()
    builds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.datasets):
            if not _NAME.fullmatch(name):
                raise BadRequest(f"name {name!r} is not of 1 to 100 of a-z 0-9 . _ - with a letter or digit first")
        for path in (self.folder, *self.read_only, *self.writable, *self.datasets.values()):
            if not os.path.isabs(path) or os.path.normpath(path) != path:
                raise BadRequest(f"path {path!r} of job {self.name} is not absolute and plain")
        if not self.argv:
            raise BadRequest(f"job {self.name} names no program")
        for text in (*self.argv, *self.env, *self.env.values()):
            if "\0" in text:
                raise BadRequest(f"an argument or variable of job {self.name} holds a zero byte")
        if bad := [name for name in self.env if not name or "=" in name]:
            raise BadRequest(f"variable {bad[0]!r} of job {self.name} has no proper name")

    @property
    def work(self) -> str:
        """The current folder of the program, on the node."""
        return f"{self.folder}/bundle"

    @property
    def out(self) -> str:
        """What the job leaves, on the node."""
        return f"{self.folder}/out"

    @property
    def tmp(self) -> str:
        """The job's temporary folder, on the node."""
        return f"{self.folder}/tmp"

    def environment(self, inside: Inside) -> dict[str, str]:
        """All variables of the program, made from nothing: the node's own stay with the node."""
        threads = str(math.ceil(self.limits.cpus))
        return {
            "PATH": f"{os.path.dirname(self.argv[0])}:{_PATH}" if os.path.isabs(self.argv[0]) else _PATH,
            "HOME": inside.tmp,
            "TMPDIR": inside.tmp,
            "USER": "job",
            "LOGNAME": "job",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Libraries count the machine's cores, and start more threads than the job may have.
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # in which they are numbered here
            "CUDA_VISIBLE_DEVICES": ",".join(map(str, self.gpus if inside.all_gpus else range(len(self.gpus)))),
            **self.env,
            "JOB_NAME": self.name,
            "JOB_OUT": inside.out,
        }

    def to_json(self) -> str:
        """One line that `box_from_json` reads."""
        return json.dumps(asdict(self))


def box_from_json(text: str) -> Box:
    """The box that `to_json` has written."""
    values = json.loads(text)
    values["limits"] = Limits(**values["limits"])
    for name in ("argv", "read_only", "writable", "gpus", "builds"):
        values[name] = tuple(values[name])
    values["volumes"] = tuple(Volume(*each) for each in values["volumes"])
    return Box(**values)
