"""Real container engines, started for the tests: Docker or Podman on a private socket, its data in a private folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from compute_node.scripts.cage import NotStarted
from compute_node.scripts.engine import connect

_UP_S = 30.0
_DOWN_S = 30.0
# Without these Podman 4 wants more than a container of CI lets it have: a network of its own, systemd, more open files.
_CONTAINERS_CONF = """\
[containers]
netns = "none"
default_sysctls = []
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
# Registries of this machine, on any port, speak plain HTTP: so Docker has it without being told.
_REGISTRIES_CONF = """\
[[registry]]
location = "127.0.0.1"
insecure = true
"""


@contextmanager
def docker_engine() -> Iterator[str]:
    """The URL of an engine without networks and images, which ends with the context."""
    with _folder() as folder:
        url = f"unix://{folder}/docker.sock"
        arguments = [
            *("dockerd", "--host", url, "--pidfile", f"{folder}/pid", "--storage-driver", "overlay2"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--bridge=none", "--iptables=false", "--ip6tables=false"),
        ]
        with _running(arguments, url, folder, {}):
            yield url


@contextmanager
def podman_engine() -> Iterator[str]:
    """The same of Podman's service."""
    with _folder() as folder:
        url = f"unix://{folder}/podman.sock"
        (folder / "containers.conf").write_text(_CONTAINERS_CONF)
        (folder / "registries.conf").write_text(_REGISTRIES_CONF)
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/data"\nrunroot = "{folder}/run"\n'
        )
        settings = {
            "CONTAINERS_CONF": f"{folder}/containers.conf",
            "CONTAINERS_REGISTRIES_CONF": f"{folder}/registries.conf",
            "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
            "TMPDIR": str(folder),
        }
        try:
            with _running(["podman", "system", "service", "--time=0", url], url, folder, settings):
                yield url
        finally:
            subprocess.run(["umount", "--recursive", folder / "data" / "overlay"], capture_output=True, check=False)


def is_locked_up(host: Mapping[str, Any]) -> bool:
    """Whether a container's HostConfig has no capability, nor a way to one; Podman names them one by one."""
    dropped = {*host["CapDrop"]}
    without = dropped == {"ALL"} or dropped >= {"CHOWN", "DAC_OVERRIDE", "MKNOD", "NET_RAW", "SETUID", "SYS_CHROOT"}
    return without and not host["CapAdd"] and "no-new-privileges" in host["SecurityOpt"] and not host["Privileged"]


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(arguments: list[str], url: str, folder: Path, settings: Mapping[str, str]) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        command = ["setpriv", "--pdeathsig", "TERM", *arguments]
        engine = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=os.environ | settings)
    try:
        _wait_until_up(engine, url, folder / "log")
        yield
    finally:
        engine.terminate()
        engine.wait(_DOWN_S)


def _wait_until_up(engine: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = monotonic() + _UP_S
    while True:
        try:
            connect(url).close()
            return
        except NotStarted:
            if engine.poll() is not None or monotonic() > deadline:
                raise AssertionError(f"{url} is not up: {log.read_text()[-2000:]}") from None
        try:
            engine.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
