"""Jobs on a secured cluster look for its tokens and keys wherever they can, and find none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rpc.errors import ExitCode
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import wait_until
from tests.system.test_secured_cluster import Secured

# Its first argument are folders that are looked through; the rest of the machine is looked at through its processes.
HUNT = r"""
import os, pathlib, re, sys
form = re.compile(rb"rh_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}|-----BEGIN [A-Z ]*PRIVATE KEY-----")
looked, found = 0, set()

def look(path, offset=0, size=1 << 20):
    global looked
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            words = form.findall(file.read(size))
    except (OSError, ValueError, OverflowError):
        return
    looked += 1
    found.update((str(path), word) for word in words)

look("/proc/self/environ")
for pid in filter(str.isdigit, os.listdir("/proc")):
    process = pathlib.Path("/proc", pid)
    for name in ("environ", "cmdline"):
        look(process / name)
    try:
        for descriptor in os.listdir(process / "fd"):
            if not os.path.realpath(process / "fd" / descriptor).startswith(("/dev", "/proc", "pipe", "socket")):
                look(process / "fd" / descriptor)
        for line in (process / "maps").read_text().splitlines():
            if "[heap]" in line and pid != str(os.getpid()):
                start, end = (int(each, 16) for each in line.split()[0].split("-"))
                look(process / "mem", start, min(end - start, 64 << 20))
    except OSError:
        pass
for folder in sys.argv[1].split(":"):
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if os.path.isfile(path):
                look(path)
print("looked into", looked)
for path, word in sorted(found):
    print("FOUND", path, word[:13].decode())
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Secured]:
    """In a folder that everybody may enter: what keeps others out are the files' own rights."""
    need("bwrap")
    folder = Path(tempfile.mkdtemp(prefix="roundhouse-secrets-"))
    folder.chmod(0o755)
    secured = Secured(folder)
    try:
        login = ("login", secured.server, "--tls-fingerprint", secured.fingerprint)
        assert secured.client(*login, "--token-file", str(secured.tokens)).status == ExitCode.DONE
        secured.add_node("--allow-weak-sandbox")
        wait_until(lambda: " ready " in secured.client("nodes", "list").stdout, "the node")
        yield secured
    finally:
        secured.close()
        shutil.rmtree(folder)


def places(cluster: Secured) -> str:
    return ":".join(map(str, (cluster.folder, Path.home() / ".config", "/run", "/dev/shm")))


def test_the_hunt_finds_them_for_whoever_may_read_everything(cluster: Secured) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may")
    said = subprocess.run(
        [sys.executable, "-c", HUNT, str(cluster.folder)], capture_output=True, text=True, timeout=100, check=True
    ).stdout
    token = cluster.tokens.read_text()[:13]
    assert f"FOUND {cluster.tokens} {token}" in said  # the admin's, in its file
    assert "/environ rh_" in said  # the node's, in its variables
    assert "/mem rh_" in said  # the same, in memory
    assert f"FOUND {cluster.folder / 'kept' / 'tls'}/" in said  # the keys of TLS


@pytest.mark.parametrize("sandbox", ["bwrap", "rlimits"])
def test_a_job_finds_none(cluster: Secured, sandbox: str) -> None:
    if sandbox == "rlimits" and os.geteuid() != 0:
        pytest.skip("without users of their own jobs are the node's equals, as SECURITY.md says")
    options = ("--sandbox", sandbox, "--timeout", "100", "--arg", places(cluster))
    done = cluster.client("submit", "-c", HUNT, *options, "--follow")
    assert done.status == ExitCode.DONE, done
    assert "looked into " in done.stdout
    # Other tests may run at the same time, and be less careful with tokens of their own.
    ours = [f"rh_{each['id']}" for each in json.loads(cluster.client("token", "list", "--json").stdout)]
    assert cluster.tokens.read_text()[:13] in ours
    found = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert [line for line in found if line.split()[2] in (*ours, "-----BEGIN")] == []
