"""Hostile jobs in real sandboxes: what gets out of each level is exactly what SECURITY.md says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from compute_node.scripts.artifacts import collect
from compute_node.scripts.box import GIB, MIB, Level, Limits
from compute_node.scripts.orders import Started, Used
from rpc.blobs import BlobFolder
from tests.compute_node.scripts import probes
from tests.compute_node.scripts.as_nobody import UID
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.engines import is_locked_up
from tests.compute_node.scripts.jobs import Jobs, assert_gone
from tests.compute_node.scripts.node_with_secrets import node_with_secrets, secret

CHECKOUT = Path(__file__).parents[3]
SECURITY = CHECKOUT / "SECURITY.md"

IDLE = "print('up')\nimport time\ntime.sleep(1000)"


def allowed(column: int) -> set[str]:
    """What SECURITY.md says that gets out, by the names of the probes."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*((?:\| \w+ ){4})\|$", SECURITY.read_text(), re.MULTILINE)
    return {name for name, cells in rows if cells.replace("|", "").split()[column] == "yes"}


def test_the_table_has_a_row_for_each_probe() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", SECURITY.read_text(), re.MULTILINE)
    assert rows == [probe.__name__ for probe in probes.PROBES]
    assert len(rows) >= 30


# Probes that do no harm and must succeed outside of any sandbox: else that they fail inside would say nothing.
CONTROLS = (
    probes.variables_of_the_node,
    probes.open_files_of_the_node,
    probes.memory_of_the_node,
    probes.private_file,
    probes.public_file,
    probes.shared_memory,
    probes.service_of_this_machine,
    probes.abstract_socket,
    probes.container_engine,
    probes.has_capabilities,
    probes.set_user_program,
    probes.key_of_the_node,
)


@pytest.fixture
def targets(engine: str) -> Iterator[dict[str, str]]:
    """A node and its secrets, of which the probes are told the places."""
    with node_with_secrets(engine.removeprefix("unix://")) as targets:
        yield targets


def test_outside_of_a_sandbox_the_probes_succeed(targets: dict[str, str]) -> None:
    assert [probe.__name__ for probe in CONTROLS if not probe(targets)] == []


def test_no_more_gets_out_than_the_table_says(jobs: Jobs, targets: dict[str, str]) -> None:
    other = jobs.start(IDLE)
    other.wait_for(b"up")
    Path(other.box.work, "secret").write_text(secret())
    code = Path(probes.__file__).read_text()
    told = json.dumps(targets | {"another_job": f"{other.box.work}/secret"})
    job = jobs.start(code, arguments=(told, "-"), limits=Limits())
    ended = job.end()
    *got_out, tried = job.output.decode().splitlines()
    assert (ended.exit_status, tried) == (0, f"tried {len(probes.PROBES)}"), job.errors
    assert {*got_out} == allowed(list(Level).index(jobs.level))
    assert other.is_alive()


@pytest.mark.parametrize(("level", "column"), [(Level.BWRAP, 1), (Level.RLIMITS, 3)])
def test_nor_where_the_node_is_not_root(level: Level, column: int) -> None:
    need("bwrap")
    place = Path(tempfile.mkdtemp(prefix="checkout-"))  # this one may lie in a home that is closed to others
    try:
        for package in ("compute_node", "rpc", "tests/compute_node/scripts"):
            shutil.copytree(CHECKOUT / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
        place.chmod(0o755)
        done = subprocess.run(
            [
                *("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"),
                *("/usr/bin/python3", "-B", "-m", "tests.compute_node.scripts.as_nobody", str(level)),
            ],
            cwd=place,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        shutil.rmtree(place)
    assert done.returncode == 0, done.stderr
    assert {*done.stdout.split()} == allowed(column)


def test_a_link_in_out_leads_nowhere(jobs: Jobs, targets: dict[str, str], tmp_path: Path) -> None:
    code = f"import os\nos.symlink({targets['private_file']!r}, 'out/link')\nos.mkfifo('out/pipe')"
    ended, job = jobs.run(code)
    assert ended.exit_status == 0, job.errors
    blobs = BlobFolder(tmp_path / "blobs")
    found = collect(job.out, blobs)
    taken, refused = found.files, found.refused
    assert taken == []
    assert len(refused) == 2


def test_everybody_else_survives_a_job_that_kills_everybody(jobs: Jobs, targets: dict[str, str]) -> None:
    other = jobs.start(IDLE)
    other.next(Started)
    other.wait_for(b"up")
    jobs.run("import os\ntry: os.kill(-1, 9)\nexcept OSError: pass")
    os.kill(int(targets["node_pid"]), 0)
    news = other.guard.read()
    assert news is not None and all(isinstance(each, Used) for each in news) and other.is_alive()


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", Limits(time_s=3.0)),
        ("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1,)).start()", Limits()),
        ("x = []\nwhile True: x.append(bytearray(64 << 20))", Limits()),
        ("x = bytearray(64 << 30)", Limits()),
        ("import mmap\nm = [mmap.mmap(-1, 1 << 30) for _ in range(64)]\nfor x in m: x[:] = b'x' * len(x)", Limits()),
        ("f = open('/dev/shm/x', 'wb')\nwhile True: f.write(bytes(1 << 20)); f.flush()", Limits(disk_bytes=64 * MIB)),
        ("f = open('out/x', 'wb')\nwhile True: f.write(bytes(1 << 20))", Limits(disk_bytes=64 * MIB)),
        ("import os\nf = open('out/x', 'wb')\nos.posix_fallocate(f.fileno(), 0, 100 << 30)", Limits()),
        ("for i in range(100_000): open(f'out/{i}', 'w').close()\nimport time\ntime.sleep(99)", Limits(files=10_000)),
    ],
)
def test_a_greedy_job_has_no_more_than_its_limits(jobs: Jobs, code: str, limits: Limits) -> None:
    began = monotonic()
    job = jobs.start(code, limits=limits)
    ended = job.end()
    assert ended.is_clean and (ended.cause.startswith("limit:") or ended.exit_status != 0)
    assert ended.peak_bytes <= limits.memory_bytes
    assert ended.processes <= limits.pids + 3  # bubblewrap's own among them
    used = sum(each.stat().st_blocks * 512 for each in job.out.iterdir())
    assert used <= limits.disk_bytes + 2 * GIB * (monotonic() - began)
    assert_gone(job.box.name, within_s=1.0)


def test_a_container_is_made_with_each_flag(tmp_path: Path, engine: str) -> None:
    import docker

    with Jobs(Level.DOCKER, tmp_path, engine) as jobs:
        job = jobs.start("print(open('/proc/self/status').read())\nimport time\ntime.sleep(1000)")
        job.wait_for(b"Seccomp:")
        api = docker.APIClient(base_url=engine, version="auto")
        facts = api.inspect_container(f"roundhouse-{job.box.name}")
        api.close()
    host = facts["HostConfig"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"]) == ("none", True)
    assert is_locked_up(host)
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (512 * MIB, 512 * MIB, 65)
    assert (host["CpuQuota"], host["CpuPeriod"], host["LogConfig"]["Type"]) == (100_000, 100_000, "none")
    writable = {place: words for place, words in host["Tmpfs"].items() if "ro" not in words.split(",")}
    assert [*writable] == ["/tmp"] and writable["/tmp"].startswith("rw,noexec,nosuid,nodev,size=268435456")
    limits = {each["Name"].lower().removeprefix("rlimit_"): each["Hard"] for each in host["Ulimits"]}
    assert (limits["nofile"], limits["core"]) == (256, 0)
    assert int(facts["Config"]["User"].split(":")[0]) > 0
    mounts = {each["Destination"]: each["RW"] for each in facts["Mounts"]}
    assert {place for place, may_write in mounts.items() if may_write} == {"/job", "/job/out"}
    assert re.search(rb"CapEff:\s*0+\n", job.output) and b"NoNewPrivs:\t1" in job.output
    assert b"Seccomp:\t2" in job.output
