"""What is done for Podman: it forbids what Docker does, and the job's variables go before the engine's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compute_node.scripts import podman
from compute_node.scripts.container_init import variables_of_the_job

PROFILE: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [
        {"names": ["read", "clone", "clone3", "unshare", "mount"], "action": "SCMP_ACT_ALLOW", "args": []},
        {"names": ["setns"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}


def test_a_stricter_profile_lets_processes_be_made_but_no_namespaces_or_mounts() -> None:
    strict = podman.stricter(PROFILE)
    assert strict["defaultAction"] == "SCMP_ACT_ERRNO"
    first, clone = strict["syscalls"]
    assert (first["names"], clone["names"]) == (["read"], ["clone"])
    (condition,) = clone["args"]
    assert condition["op"] == "SCMP_CMP_MASKED_EQ" and condition["value"] & 0x10000000 and condition["valueTwo"] == 0
    assert PROFILE["syscalls"][0]["names"] == ["read", "clone", "clone3", "unshare", "mount"]


def test_the_profile_is_made_of_podmans_own_and_without_one_podman_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source.json"
    monkeypatch.setattr(podman, "_PROFILES", (source,))
    assert podman.strict_profile(tmp_path) == []
    source.write_text(json.dumps(PROFILE))
    assert podman.strict_profile(tmp_path) == [f"seccomp={tmp_path}/seccomp.json"]
    assert json.loads((tmp_path / "seccomp.json").read_text()) == podman.stricter(PROFILE)


def test_a_variable_of_the_job_goes_before_one_that_the_engine_adds() -> None:
    for given in ({"JOB_VARIABLE_PATH": "/own", "PATH": "/engine"}, {"PATH": "/engine", "JOB_VARIABLE_PATH": "/own"}):
        assert variables_of_the_job({**given, "HOME": "/tmp"}) == {"PATH": "/own", "HOME": "/tmp"}
