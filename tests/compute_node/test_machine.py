"""What a node finds out about its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute_node.machine import cores, gpu_labels, gpu_numbers, labels


def tool(folder: Path, script: str) -> None:
    """Put an nvidia-smi into a folder."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_every_machine_has_these_labels() -> None:
    found = labels()
    assert set(found) == {"os", "arch", "python", "cpu", "cores", "memory"}
    assert all(found.values())
    assert found["cores"] == str(cores())
    assert found["memory"].endswith(" GiB")


def test_the_gpus_of_a_machine_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tool(tmp_path, "echo 'NVIDIA H100 80GB HBM3, 81559'; echo 'NVIDIA H100 80GB HBM3, 81559'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_labels() == {"gpu": "NVIDIA H100 80GB HBM3", "gpu-memory": "79.6 GiB", "gpus": "2"}


@pytest.mark.parametrize(
    ("visible", "gpus", "numbers"),
    [("1", "1", (1,)), ("1, 0", "2", (1, 0)), ("0,-1,1", "1", (0,)), ("", None, ()), ("GPU-1a2b", "2", (0, 1))],
)
def test_a_node_has_the_gpus_that_cuda_leaves_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, gpus: str | None, numbers: tuple[int, ...]
) -> None:
    tool(tmp_path, "echo 'H100, 81559'; echo 'H100, 81559'")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_labels().get("gpus") == gpus
    assert gpu_numbers(2) == numbers


@pytest.mark.parametrize("script", ["exit 9", "echo 'No devices were found'", "true", "echo 'a GPU, [N/A]'"])
def test_a_tool_that_tells_nothing_of_use_is_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    tool(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert gpu_labels() == {}


def test_a_machine_without_the_tool_has_no_gpu_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_labels() == {}
