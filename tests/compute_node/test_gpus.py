"""What a node tells of GPUs: with a stand-in for NVIDIA's library, which the real package loads, and without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from rpc.client import Client
from rpc.messages import PROTOCOL_VERSION, GpuUse, Hello, NodeStatus
from rpc.services import COMPUTE_NODE
from tests.rpc.running import PATIENCE_S

GIB = 1 << 30
CHECKOUT = Path(__file__).parents[2]
GPUS = (GpuUse("NVIDIA H100", 0.35, 12 * GIB, 80 * GIB), GpuUse("NVIDIA H100", 0.0, 12 * GIB, 80 * GIB))

WATCH = """
import os, subprocess, sys, time
from compute_node.gpus import GpuWatch
job = subprocess.Popen(["sleep", "60"], env={**os.environ, "JOB_NAME": "j-1"})
os.environ["FAKE_GPU_PID"] = str(job.pid)
watch = GpuWatch()
watch.start()
def until(is_so):
    while not is_so():
        time.sleep(0.01)
until(lambda: watch.memory_of("j-1"))
print(watch.memory_of("j-1"), watch.memory_of("j-2"), watch.memory_of("j"))
os.environ["FAKE_GPU_LOST"] = "1"
until(lambda: not watch.latest.gpus)
print(watch.memory_of("j-1"))
del os.environ["FAKE_GPU_LOST"]
until(lambda: watch.latest.gpus)
job.kill()
job.wait()
print(watch.memory_of("j-1"))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables for a process that is to find the stand-in."""
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("fake_nvml.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(folder / "libnvidia-ml.so.1"), str(source)], check=True)
    return {**os.environ, "LD_LIBRARY_PATH": str(folder)}


def status_of(command: list[str], variables: dict[str, str], is_told: Callable[[NodeStatus], bool]) -> NodeStatus:
    """What a node that is started so answers to a heartbeat, once it has told this."""
    node = subprocess.Popen(
        [sys.executable, *command],
        cwd=CHECKOUT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert node.stdout is not None
        port = int(node.stdout.readline().split(" (")[0].rpartition(":")[2])
        client = Client("127.0.0.1", port, COMPUTE_NODE, timeout_s=PATIENCE_S, what="compute node")
        client.hello(Hello(PROTOCOL_VERSION, "coordinator", coordinator="c", epoch=1, connection="control"))
        end = monotonic() + PATIENCE_S
        while not is_told(status := client.call("status")):
            assert monotonic() < end
        client.close()
        assert isinstance(status, NodeStatus)
        return status
    finally:
        node.terminate()
        _, errors = node.communicate(timeout=PATIENCE_S)
        assert errors == ""


def test_a_heartbeat_tells_what_each_gpu_does(library: dict[str, str]) -> None:
    status = status_of(["compute_node.py", "0"], library, lambda told: bool(told.gpus))
    assert status.gpus == GPUS


def test_the_gpu_memory_of_a_job_is_what_its_processes_hold_and_a_lost_gpu_may_come_back(
    library: dict[str, str],
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", WATCH], cwd=CHECKOUT, env=library, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (told.stdout, told.stderr) == (f"{2 * GIB} 0 0\n0\n0\n", "")


@pytest.mark.parametrize("package", ["", "sys.modules['pynvml'] = None"], ids=["no driver", "no package"])
def test_where_nothing_can_be_known_nothing_is_told(package: str) -> None:
    code = (
        f"import sys, threading\n{package}\n"
        "from compute_node.gpus import GpuWatch\n"
        "watch = GpuWatch(); watch.start()\n"
        "for each in threading.enumerate()[1:]: each.join(20)\n"
        "print(watch.latest.gpus, threading.active_count())\n"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (told.stdout, told.stderr) == ("() 1\n", "")
