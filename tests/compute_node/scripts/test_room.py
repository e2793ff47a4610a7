"""Script jobs together may have what the node's owner says, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from compute_node import machine
from compute_node.scripts.room import Room, limits_of
from compute_node.scripts.settings import ScriptSettings
from rpc.errors import RejectReason, TaskRejected
from rpc.messages import DataFile, ScriptSpec

GB = 10**9


def spec(**values: Any) -> ScriptSpec:
    return ScriptSpec("x", DataFile("x.zip", "sha256:0", 1), **values)


def reason_of(room: Room, job: ScriptSpec) -> RejectReason | None:
    try:
        room.check(job)
    except TaskRejected as rejected:
        return RejectReason(rejected.reason)
    return None


def test_a_job_that_does_not_fit_beside_others_is_rejected_until_they_end() -> None:
    room = Room(ScriptSettings(max_memory_bytes=8 * GB))
    first = room.enter(spec(memory_bytes=5 * GB))
    assert reason_of(room, spec(memory_bytes=5 * GB)) is RejectReason.MEMORY
    assert reason_of(room, spec(memory_bytes=3 * GB)) is None
    room.leave(first)
    assert reason_of(room, spec(memory_bytes=5 * GB)) is None


def test_jobs_that_name_no_limits_count_with_the_usual_ones() -> None:
    settings = ScriptSettings(max_memory_bytes=GB)
    room = Room(settings)
    room.enter(spec())
    assert limits_of(spec(), settings).memory_bytes == 512 << 20
    assert reason_of(room, spec()) is RejectReason.MEMORY


def test_a_small_node_gives_less_than_usual() -> None:
    settings = ScriptSettings(max_memory_bytes=GB // 4, max_cpu_share=0.25 / machine.cores())
    limits = limits_of(spec(), settings)
    assert (limits.memory_bytes, limits.cpus) == (GB // 4, 0.25)
    assert reason_of(Room(settings), spec()) is None


def test_no_more_jobs_run_than_may() -> None:
    room = Room(ScriptSettings(max_jobs=1))
    room.enter(spec())
    assert reason_of(room, spec()) is RejectReason.NO_SLOT


def test_cores_are_shared_out_as_well() -> None:
    room = Room(ScriptSettings(max_cpu_share=1.0))
    room.enter(spec(cpus=machine.cores() - 0.5))
    assert reason_of(room, spec(cpus=0.5)) is None
    assert reason_of(room, spec(cpus=1.0)) is RejectReason.BUSY


def test_no_two_jobs_have_the_same_gpu() -> None:
    room = Room(ScriptSettings())
    assert reason_of(room, spec(gpus=1)) is RejectReason.BUSY  # it is not known yet what there is
    room.gpus = (0, 1, 2)
    first, second = room.enter(spec(gpus=1)), room.enter(spec(gpus=2))
    assert (first.gpus, second.gpus) == ((0,), (1, 2))
    assert reason_of(room, spec(gpus=1)) is RejectReason.BUSY
    assert reason_of(room, spec()) is None
    room.leave(first)
    assert room.enter(spec(gpus=1)).gpus == (0,)


def test_the_coordinator_is_told_what_a_job_can_never_have() -> None:
    assert Room(ScriptSettings()).labels == {"job-network": "none"}
    settings = ScriptSettings(max_memory_bytes=GB, max_cpu_share=0.5, allow_network=True)
    cpus = f"{0.5 * machine.cores():g}"
    assert Room(settings).labels == {"job-network": "full", "job-memory": str(GB), "job-cpus": cpus}


@pytest.mark.parametrize("settings", [ScriptSettings(), ScriptSettings(max_jobs=3)])
def test_memory_is_bounded_by_the_machine_where_nobody_says(settings: ScriptSettings) -> None:
    assert reason_of(Room(settings), spec(memory_bytes=1 << 50)) is RejectReason.MEMORY
