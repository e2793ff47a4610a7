"""Control groups of both versions: found where they are, written as each wants it, read back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from time import monotonic

import pytest

from compute_node.scripts.box import MIB, Limits
from compute_node.scripts.cgroups import Group, find_parents, group_of, groups_in, make_group, settle

HYBRID = """\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/1 /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
OWN = "4:memory:/docker/1/inner\n2:cpu,cpuacct:/user\n1:name=systemd:/\n0::/user.slice\n"


def test_each_controller_is_found_where_it_is_mounted() -> None:
    assert groups_in(OWN, HYBRID) == {
        "cpu": (1, "/sys/fs/cgroup/cpu,cpuacct/user"),
        "cpuacct": (1, "/sys/fs/cgroup/cpu,cpuacct/user"),
        "memory": (1, "/sys/fs/cgroup/memory/inner"),
        "kill": (2, "/sys/fs/cgroup/unified/user.slice"),
    }


def test_version_2_has_what_its_group_offers(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cgroup.controllers").write_text("cpu memory pids io\n")
    found = groups_in("0::/own\n", f"41 31 0:38 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    assert found == dict.fromkeys(("memory", "cpu", "pids", "kill"), (2, f"{tmp_path}/own"))


def test_limits_are_written_as_version_2_wants_them(tmp_path: Path) -> None:
    group = Group(dict.fromkeys(("memory", "cpu", "pids", "kill"), (2, str(tmp_path))))
    group.set_limits(Limits(memory_bytes=5 * MIB, cpus=1.5, pids=7), 2)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {
        "memory.max": str(5 * MIB),
        "memory.oom.group": "1",
        "cpu.max": "150000 100000",
        "pids.max": "9",
    }
    assert group.enforced == {"memory_bytes", "cpus", "pids"}


def test_use_is_read_as_version_2_tells_it(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (tmp_path / "memory.peak").write_text("12345\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (tmp_path / "pids.events").write_text("max 17\n")
    (tmp_path / "cgroup.procs").write_text("12\n13\n")
    group = Group(dict.fromkeys(("memory", "cpu", "pids"), (2, str(tmp_path))))
    assert (group.memory_kills(), group.peak_memory_bytes(), group.cpu_s()) == (2, 12345, 1.5)
    assert (group.refused_pids(), group.members()) == (17, [12, 13])


def test_what_is_not_told_is_not_made_up(tmp_path: Path) -> None:
    group = Group({"pids": (2, str(tmp_path))})
    assert (group.memory_kills(), group.peak_memory_bytes(), group.cpu_s(), group.members()) == (0, None, None, [])
    assert not group.kill()
    assert Group({}).members() == []


def test_a_node_makes_room_for_groups_below_its_own(tmp_path: Path) -> None:
    (tmp_path / "cgroup.type").write_text("domain\n")
    settle({"memory": (2, str(tmp_path)), "pids": (2, str(tmp_path)), "cpu": (1, "/elsewhere")})
    assert (tmp_path / "roundhouse-node" / "cgroup.procs").read_text() == str(os.getpid())
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_groups_that_may_not_be_made_are_left_out(tmp_path: Path) -> None:
    parents = {"memory": (1, "/proc/nowhere"), "pids": (1, str(tmp_path))}
    assert make_group(parents, "x").folders == {"pids": (1, str(tmp_path / "roundhouse-x"))}
    assert group_of(parents, "x").folders["memory"] == (1, "/proc/nowhere/roundhouse-x")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may make groups here")
def test_real_groups_hold_kill_and_go() -> None:
    group = make_group(find_parents(), f"test-{os.getpid()}")
    group.set_limits(Limits(), 0)
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        for _, folder in group.folders.values():
            Path(folder, "cgroup.procs").write_text(str(sleeper.pid))
        assert sleeper.pid in group.members()
        assert not group.remove()
        if not group.kill():
            sleeper.kill()
    began = monotonic()
    assert group.remove()
    assert monotonic() < began + 2.0
    assert not any(Path(folder).exists() for _, folder in group.folders.values())
