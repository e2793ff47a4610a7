"""What a container engine is asked for: to say whether it is there, and to make and remove containers of jobs."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException
from docker.types import DeviceRequest, Healthcheck, LogConfig, Mount, Ulimit
from requests.exceptions import RequestException

from compute_node.scripts import container_init
from compute_node.scripts.box import MIB, OOM_SCORE, Box, Inside
from compute_node.scripts.cage import NotStarted
from compute_node.scripts.podman import OPEN_PLACES, is_podman, strict_profile

FAILURES = (DockerException, RequestException, OSError)
NODE_LABEL = "roundhouse.node"
JOB_LABEL = "roundhouse.job"
INSIDE = Inside(work="/job", out="/job/out", tmp="/tmp")

_INIT = "/.roundhouse-init.py"
_TMP = f"rw,noexec,nosuid,nodev,size={256 * MIB}"
_CLOSED = "ro,noexec,nosuid,nodev,size=4096"
_TIMEOUT_S = 60
_UNIX = "unix://"
# Of root, in a container that becomes an image: what installing needs, and no more.
_CAPABILITIES_OF_A_BUILD = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID"]
_CPU_PERIOD_US = 100_000
_MOST_PROCESSES_OF_USER = 4096  # the engine's own limit binds; Podman would else ask for more than it may
_BARE = "localhost/roundhouse-probe"
_USR_LINKS = ("bin", "lib", "lib64", "sbin")
_FOLDERS = ("dev", "etc", "proc", "sys", "tmp", "usr")

__all__ = ["FAILURES", "APIError"]


def connect(url: str) -> Any:
    """The API of the engine at a URL, to be closed after use; NotStarted if it does not answer."""
    try:
        if url.startswith(_UNIX):
            with socket.socket(socket.AF_UNIX) as trial:  # the library leaves its own open if nobody is there
                trial.connect(url.removeprefix(_UNIX))
        return docker.APIClient(base_url=url, version="auto", timeout=_TIMEOUT_S)
    except FAILURES as error:
        raise NotStarted(f"container engine {url}: {words(error)}") from error


def bare_image(url: str) -> str:
    """The id of an image that holds nothing but places for the machine's own /usr; made anew, to the same bytes.

    Raises:
        NotStarted: the engine does not make it.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in _USR_LINKS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)
        for name in _FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(folder)
    with closing(connect(url)) as api:
        return _imported(api, archive.getvalue())


def _imported(api: Any, archive: bytes, tries: int = 3) -> str:
    """The id of the image; an engine that has just started may fail the first time on a busy machine."""
    try:
        said = api.import_image_from_data(archive, repository=_BARE, tag="1")
        # The last of its words is the image's id, in Docker and Podman; of the name and tag Podman keeps the name.
        return str(json.loads(said.strip().splitlines()[-1])["status"])
    except (*FAILURES, LookupError, ValueError) as error:
        if tries > 1:
            return _imported(api, archive, tries - 1)
        raise NotStarted(f"container engine: {words(error)}") from error


def container_of(job: str) -> str:
    """The name of a job's container."""
    return f"roundhouse-{job}"


def remove(api: Any, container: str) -> None:
    """Kill and remove a container, if it is there."""
    with suppress(*FAILURES):
        api.remove_container(container, force=True, v=True)


def keep_as_image(api: Any, container: str, image: str, changes: list[str]) -> None:
    """Make an image of what a container has become; raises one of FAILURES."""
    repository, _, tag = image.rpartition(":")
    api.commit(container, repository=repository, tag=tag, changes=changes)


def written_bytes(api: Any, container: str) -> int:
    """What a container has on the engine's disk beyond its image."""
    facts = api._result(api._get(api._url("/containers/{0}/json", container), params={"size": 1}), json=True)
    return int(facts.get("SizeRw") or 0)


def remove_all(api: Any, node: str) -> int:
    """Kill and remove every container of a node; return how many there were."""
    found = api.containers(all=True, quiet=True, filters={"label": f"{NODE_LABEL}={node}"})
    for each in found:
        remove(api, each["Id"])
    return len(found)


def configuration(api: Any, box: Box, *, user: tuple[int, int], node: str) -> Any:
    """All that a job's container is made with. An image may be anybody's: what it asks for itself is not done."""
    asked = api.inspect_image(box.image)["Config"] or {}
    return api.create_container_config(
        box.image,
        entrypoint=["python3", "-I", "-S", _INIT],
        command=list(box.argv),
        user=f"{user[0]}:{user[1]}",
        hostname="job",
        stdin_open=True,
        environment=_variables(box, asked.get("Env") or []),
        working_dir=INSIDE.work,
        labels={NODE_LABEL: node, JOB_LABEL: box.name},
        healthcheck=Healthcheck(test=["NONE"]),
        host_config=_host_configuration(api, box, [*(asked.get("Volumes") or ())]),
    )


def _variables(box: Box, of_the_image: list[str]) -> dict[str, str]:
    """Those that the job itself names are kept from its container's first process, which looks after it."""
    variables = box.environment(INSIDE)
    path = [words.partition("=")[2] for words in of_the_image if words.startswith("PATH=")]
    if path and "PATH" not in box.env:  # programs are where the image has them
        variables["PATH"] = ":".join([*filter(None, [os.path.dirname(box.argv[0])]), *path])
    own = {f"{container_init.OWN}{name}" if name in box.env else name: value for name, value in variables.items()}
    # Of an engine that gives GPUs to all containers, an image with a word of its own here would get them.
    return own | {"NVIDIA_VISIBLE_DEVICES": ",".join(map(str, box.gpus)) or "void"}


def _host_configuration(api: Any, box: Box, volumes: list[str]) -> Any:
    limits = box.limits
    with_podman = is_podman(api)
    return api.create_host_config(
        network_mode="bridge" if box.network else "none",
        read_only=not box.builds,
        tmpfs=_for_podman(box, volumes) if with_podman else _places(box, volumes),
        cap_drop=["ALL"],
        cap_add=_CAPABILITIES_OF_A_BUILD if box.builds else None,
        security_opt=["no-new-privileges", *(strict_profile(Path(box.folder)) if with_podman else [])],
        pids_limit=limits.pids + 1,  # and the first process
        mem_limit=limits.memory_bytes,
        memswap_limit=limits.memory_bytes,
        cpu_period=_CPU_PERIOD_US,
        cpu_quota=max(1000, int(limits.cpus * _CPU_PERIOD_US)),
        oom_score_adj=OOM_SCORE,
        ulimits=[
            Ulimit(name="nofile", soft=limits.open_files, hard=limits.open_files),
            Ulimit(name="nproc", soft=_MOST_PROCESSES_OF_USER, hard=_MOST_PROCESSES_OF_USER),
            Ulimit(name="fsize", soft=limits.file_bytes, hard=limits.file_bytes),
            Ulimit(name="core", soft=0, hard=0),
        ],
        log_config=LogConfig(type=LogConfig.types.NONE),
        mounts=_mounts(box),
        device_requests=[DeviceRequest(device_ids=[*map(str, box.gpus)], capabilities=[["gpu"]])] if box.gpus else None,
    )


def _places(box: Box, volumes: list[str]) -> dict[str, str]:
    return {**_closed(box, volumes), **({} if box.builds else {INSIDE.tmp: _TMP})}


def _for_podman(box: Box, volumes: list[str]) -> dict[str, str]:
    """The same, and nothing of the image is copied to them."""
    places = _places(box, volumes if box.builds else [*volumes, *OPEN_PLACES])
    return {place: f"{options},notmpcopyup" for place, options in places.items()}


def _closed(box: Box, volumes: list[str]) -> dict[str, str]:
    """The places for which an image wants a disk of the engine's, each empty and closed: those have no limit."""
    taken = {mount["Target"] for mount in _mounts(box)}
    return {place: _CLOSED for place in map(os.path.normpath, volumes) if place not in taken}


def _mounts(box: Box) -> list[Mount]:
    written = {INSIDE.work: box.work, INSIDE.out: box.out, **{path: path for path in box.writable}}
    only_read = {
        _INIT: str(Path(container_init.__file__)),
        **{path: path for path in box.read_only},
        **{f"{INSIDE.work}/data/{name}": path for name, path in box.datasets.items()},
    }
    return [
        *(Mount(target, source, type="bind") for target, source in written.items()),
        *(Mount(target, source, type="bind", read_only=True) for target, source in only_read.items()),
        *(Mount(each.inside, each.source, type="bind", read_only=not each.is_writable) for each in box.volumes),
    ]


def words(error: Exception) -> str:
    """What an engine or its connection complains of, in one line."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    return " ".join(str(text).split())
