"""The settings of a script job: what a caller may say besides the program and its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TypedDict, Unpack

from client.bundling import MAIN, REQUIREMENTS
from rpc.errors import BadRequest
from rpc.messages import DataFile, ScriptSpec
from rpc.run_spec import MAX_NAME
from rpc.script_spec import check_script_spec

CODE_TIMEOUT_S = 60.0  # of what somebody has typed
_TO_COME = DataFile(file="", blob="", size=0)


class JobSettings(TypedDict, total=False):
    """The optional settings; meanings and defaults are those of the table in docs/jobs.md."""

    main: str
    env: Mapping[str, str]
    timeout_s: float
    memory_bytes: int
    cpus: float
    gpus: int
    pids: int
    disk_bytes: int
    network: str
    sandbox: str
    image: str
    select: Mapping[str, str]
    priority: int
    owner: str
    key: str
    retries: int
    force_queue: bool
    after: tuple[str, ...]
    array: str


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is to be run, and with what.

    Attributes:
        bundle: a folder or ZIP; None: there is code in its place.
        requirements: the file of them, if somebody names one: a path in the bundle; with code, one of this machine.
        datasets: folders and ZIPs of this machine, or blobs, by their names.
    """

    bundle: Path | None = None
    code: str = ""
    requirements: str = ""
    datasets: Mapping[str, str | PathLike[str]] = field(default_factory=dict)


def spec_of(
    program: Program, *, name: str = "", arguments: Sequence[str] = (), **settings: Unpack[JobSettings]
) -> ScriptSpec:
    """Return what is asked for; its files are still to be filled in.

    Raises:
        BadRequest: a value makes no sense, or a setting of bundles is given for code.
    """
    if program.bundle is not None:
        usual, requirements = program.bundle.resolve().name.removesuffix(".zip"), program.requirements or REQUIREMENTS
    else:
        if settings.get("main", MAIN) != MAIN:
            raise BadRequest("main is of a bundle; code is its own program")
        settings.setdefault("timeout_s", CODE_TIMEOUT_S)
        usual, requirements = "inline", REQUIREMENTS
    spec = ScriptSpec(
        _shortened(name or usual),
        _TO_COME,
        arguments=tuple(arguments),
        requirements=requirements,
        datasets=tuple(replace(_TO_COME, file=each) for each in program.datasets),
        inline_code=program.bundle is None,
        **settings,
    )
    check_script_spec(spec)
    return spec


def _shortened(name: str) -> str:
    return name.encode("utf-8", "replace").decode()[:MAX_NAME]
