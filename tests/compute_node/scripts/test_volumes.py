"""Folders and variables that a node's owner gives to containers: what is refused, and what jobs really get of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from compute_node.scripts.box import Volume
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.volumes import check_volumes
from rpc.errors import BadRequest
from tests.compute_node.running import HeldTrainer, RunningNode
from tests.compute_node.scripts.asking import news_until, task_of, wait_for_sandboxes

LOOK = """
import os
print(open("/models/weights").read(), os.environ["REGION"], os.environ["JOB_OUT"], sorted(os.listdir("/")))
for place in ("/models", "/scratch"):
    try:
        open(place + "/made-by-a-job", "w").write("x")
        print("wrote to", place)
    except OSError as error:
        print(place, error.strerror)
"""


def refusal(kept: Path, *volumes: Volume, engine: str = "unix:///nowhere/engine.sock") -> str:
    """What is said against these volumes; empty if they may be."""
    try:
        check_volumes(volumes, engine=engine, kept=str(kept))
    except BadRequest as error:
        return str(error)
    return ""


def test_a_volume_must_not_give_a_job_the_machine_the_engine_or_the_node(tmp_path: Path) -> None:
    kept, run, link = tmp_path / "node", tmp_path / "run", tmp_path / "link"
    for folder in (kept / "blobs", run / "docker", tmp_path / "data"):
        folder.mkdir(parents=True)
    link.symlink_to(kept)
    socket = run / "docker" / "engine.sock"
    socket.touch()
    engine = f"unix://{socket}"
    assert refusal(kept, Volume(str(tmp_path / "data"), "/data"), engine=engine) == ""
    assert "the whole machine" in refusal(kept, Volume("/", "/host"))
    for source in (socket, socket.parent, run):
        assert "socket is in it" in refusal(kept, Volume(str(source), "/run/engine"), engine=engine)
    for source in (kept, kept / "blobs", link, tmp_path):
        assert "the node keeps its key" in refusal(kept, Volume(str(source), "/seen"))
    assert "is not on this machine" in refusal(kept, Volume(f"{tmp_path}/none", "/none"))


@pytest.mark.parametrize("inside", ["/", "/job", "/job/out", "/job/data/mine", "/tmp", "/tmp/x", "/proc", "/dev/shm"])
def test_a_volume_must_not_be_in_the_way_of_the_jobs_own_folders(tmp_path: Path, inside: str) -> None:
    (tmp_path / "data").mkdir()
    said = refusal(tmp_path / "node", Volume(str(tmp_path / "data"), inside))
    assert (
        said == f"--docker-volume {tmp_path}/data:{inside}:ro: in a container {inside} is taken; choose another place"
    )


def test_two_volumes_are_not_in_one_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    one, two = Volume(str(tmp_path / "data"), "/data"), Volume(str(tmp_path / "data"), "/data", is_writable=True)
    assert "there is another one for /data" in refusal(tmp_path / "node", one, two)


def test_a_node_does_not_start_with_a_volume_that_is_refused(tmp_path: Path) -> None:
    scripts = ScriptSettings(volumes=(Volume("/", "/host", is_writable=True),))
    with pytest.raises(BadRequest, match=r"--docker-volume /:/host:rw: a job would see the whole machine"):
        ComputeNode(NodeConfig(data_dir=str(tmp_path), scripts=scripts))


def test_a_container_gets_volumes_to_read_unless_said_and_variables(engine: str, base: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name in ("models", "scratch"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    (tmp_path / "models" / "weights").write_text("seven")
    settings = ScriptSettings(
        image=base, engine=engine, variables={"REGION": "north", "JOB_OUT": "/elsewhere"},
        volumes=(
            Volume(str(tmp_path / "models"), "/models"),
            Volume(str(tmp_path / "scratch"), "/scratch", is_writable=True),
        ),
    )  # fmt: skip
    node = RunningNode(NodeConfig(data_dir=str(tmp_path / "node"), scripts=settings), HeldTrainer())
    try:
        wait_for_sandboxes(node.client("control"))
        slot = node.client()
        task = task_of(slot, LOOK, sandbox="")
        slot.call("start_script", task)
        news, said = news_until(slot, task)
    finally:
        node.close()
    assert news.ended is not None and news.ended.status == 0, said
    assert "seven north /job/out [" in said
    assert "/models Read-only file system" in said and "wrote to /scratch" in said
    assert (os.listdir(tmp_path / "models"), os.listdir(tmp_path / "scratch")) == (["weights"], ["made-by-a-job"])
