"""Which GPUs a job is given at each level. No test machine has one: what counts is what is handed over."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from compute_node.scripts import bwrap, engine, job_folder, rlimits
from compute_node.scripts.box import Box, Level
from rpc.client import Client
from rpc.errors import TaskRejected
from rpc.messages import PROTOCOL_VERSION, Hello, ScriptTask
from rpc.services import COMPUTE_NODE
from tests.compute_node.scripts.asking import news_until, task_of, wait_for_sandboxes
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.jobs import NODE, Jobs
from tests.compute_node.test_own_gpus import FOUR, tool
from tests.rpc.running import PATIENCE_S
from tests.system.cluster import Program

GPUS = (2, 3)
PRINT = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['CUDA_DEVICE_ORDER'])"
HOLD = f"{PRINT}\nimport time; time.sleep(600)"


def test_a_job_without_a_file_system_of_its_own_gets_the_numbers_that_the_machine_has() -> None:
    box = Box("j", "/jobs/j", ("python3",), gpus=GPUS)
    assert box.environment(rlimits.inside(box))["CUDA_VISIBLE_DEVICES"] == "2,3"


def test_bubblewrap_shows_a_job_the_devices_of_its_gpus_and_of_no_other() -> None:
    box = Box("j", "/jobs/j", ("python3",), gpus=GPUS)
    words = bwrap.arguments(box, status_fd=3, passwd_fd=4, group_fd=5)
    shown = [words[index + 1] for index, word in enumerate(words) if word == "--dev-bind-try"]
    assert shown[:2] == ["/dev/nvidia2", "/dev/nvidia3"]
    assert not any(path.startswith("/dev/nvidia") and path[-1].isdigit() for path in shown[2:])
    assert words[words.index("CUDA_VISIBLE_DEVICES") + 1] == "0,1"
    without = bwrap.arguments(Box("j", "/jobs/j", ("python3",)), status_fd=3, passwd_fd=4, group_fd=5)
    assert not any("nvidia" in word for word in without)
    assert without[without.index("CUDA_VISIBLE_DEVICES") + 1] == ""


def test_a_device_is_the_one_that_the_driver_names(tmp_path: Path) -> None:
    for bus, minor in (
        ("0000:0a:00.0", "Device Minor: \t 1"),
        ("0000:07:00.0", "Device Minor: \t 3"),
        ("0001:00:00.0", ""),
    ):
        folder = tmp_path / "gpus" / bus
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t NVIDIA H100\nBus Location: \t {bus}\n{minor}\n")
    devices = [bwrap.gpu_device(number, str(tmp_path)) for number in range(4)]
    assert devices == ["/dev/nvidia3", "/dev/nvidia1", "/dev/nvidia2", "/dev/nvidia3"]  # the last two as numbered


@pytest.mark.parametrize("level", [Level.DOCKER])
def test_a_container_is_asked_for_with_its_gpus_by_number(jobs: Jobs) -> None:
    box = jobs.box("", gpus=GPUS, env={"NVIDIA_VISIBLE_DEVICES": "all"})
    job_folder.lay_out(box, None, links=False)
    with closing(engine.connect(jobs.engine)) as api:
        config = engine.configuration(api, box, user=(1000, 1000), node=NODE)
        made = api.create_container_from_config(config)["Id"]
        try:
            told = api.inspect_container(made)
        finally:
            engine.remove(api, made)
    (request,) = told["HostConfig"]["DeviceRequests"]
    assert (request["DeviceIDs"], request["Capabilities"], request["Count"]) == (["2", "3"], [["gpu"]], 0)
    variables = dict(word.split("=", 1) for word in told["Config"]["Env"])
    assert (variables["NVIDIA_VISIBLE_DEVICES"], variables["CUDA_VISIBLE_DEVICES"]) == ("2,3", "0,1")


@pytest.mark.parametrize("level", [Level.BWRAP, Level.RLIMITS])
def test_a_job_finds_its_numbers_in_its_variables(jobs: Jobs) -> None:
    ended, job = jobs.run(PRINT, gpus=GPUS)
    assert ended.exit_status == 0, job.errors
    numbers = {Level.BWRAP: b"0,1", Level.RLIMITS: b"2,3"}[jobs.level]
    assert job.output == numbers + b" PCI_BUS_ID\n"


def test_two_jobs_of_a_node_that_has_two_of_four_gpus_get_one_each_and_a_third_job_none(tmp_path: Path) -> None:
    need("bwrap")
    tool(tmp_path, "\n".join(f"echo '{line}'" for line in FOUR))
    visible = {"CUDA_VISIBLE_DEVICES": "2,GPU-abab", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    node = Program("compute_node.py", "0", "--slots", "3", "--allow-weak-sandbox", environment=visible).serve()
    try:
        control, slot = (asking(node.port, connection) for connection in ("control", "slot"))
        wait_for_sandboxes(control)
        assert control.call("status").labels["gpus"] == "2"
        said = set()
        for _ in range(2):
            task = with_a_gpu(slot)
            slot.call("start_script", task)
            said.add(news_until(slot, task, "PCI_BUS_ID")[1])
        assert said == {"2 PCI_BUS_ID\n", "3 PCI_BUS_ID\n"}
        with pytest.raises(TaskRejected, match="needs 1 GPUs; 0 are free for script jobs"):
            slot.call("start_script", with_a_gpu(slot))
        for client in (control, slot):
            client.close()
    finally:
        node.stop()


def asking(port: int, connection: str) -> Client:
    client = Client("127.0.0.1", port, COMPUTE_NODE, timeout_s=PATIENCE_S, what="compute node")
    client.hello(Hello(PROTOCOL_VERSION, "coordinator", coordinator="c", epoch=1, connection=connection))
    return client


def with_a_gpu(slot: Client) -> ScriptTask:
    task = task_of(slot, HOLD, sandbox="rlimits")
    return replace(task, spec=replace(task.spec, gpus=1))
