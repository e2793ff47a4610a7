"""Which GPUs a node has, and of those its script jobs: as a stand-in for nvidia-smi and CUDA_VISIBLE_DEVICES say."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute_node.own_gpus import OwnGpus, own_gpus

FOUR = (
    *(f"GPU-{letter * 8}-0000-1111-2222-333333333333, 81559, NVIDIA H100 80GB HBM3" for letter in "abc"),
    "GPU-abababab-0000-1111-2222-333333333333, 40960, NVIDIA A100, of another size",
)


def tool(folder: Path, script: str) -> None:
    """Put an nvidia-smi into a folder."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with four GPUs, of which the last is another one."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tool(tmp_path, "\n".join(f"echo '{line}'" for line in FOUR))
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("four")
def test_a_node_has_all_gpus_of_its_machine_if_nothing_is_said() -> None:
    labels = {"gpu": "NVIDIA H100 80GB HBM3", "gpu-memory": "79.6 GiB", "gpus": "4"}
    assert own_gpus() == OwnGpus((0, 1, 2, 3), labels)


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("visible", "numbers"),
    [
        ("2,3", (2, 3)),
        ("3, 2", (3, 2)),
        ("GPU-cccccccc-0000-1111-2222-333333333333,GPU-bb", (2, 1)),  # beginnings are as good
        ("1,GPU-c", (1, 2)),
        ("0,-1,1", (0,)),  # what names no GPU ends the list, as it does for CUDA
        ("0,7,1", (0,)),
        ("GPU-a,1", ()),  # of two
        ("GPU-dddddddd,1", ()),
        ("GPU-,1", ()),
        ("1,1,2", (1,)),
        ("2,GPU-cccccccc", (2,)),
        ("MIG-cccccccc-0000-1111-2222-333333333333", ()),
        ("MIG-GPU-cccccccc/1/0,0", ()),
        ("NoDevFiles", ()),
        ("", ()),
    ],
)
def test_a_node_has_the_gpus_that_cuda_leaves_to_it(
    monkeypatch: pytest.MonkeyPatch, visible: str, numbers: tuple[int, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = own_gpus()
    assert found.numbers == numbers
    assert found.labels.get("gpus") == (str(len(numbers)) if numbers else None)


@pytest.mark.usefixtures("four")
def test_the_labels_are_those_of_the_first_gpu_that_a_node_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,0")
    labels = {"gpu": "NVIDIA A100, of another size", "gpu-memory": "40.0 GiB", "gpus": "2"}
    assert own_gpus().labels == labels


def test_jobs_have_as_many_of_them_as_the_operators_label_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = OwnGpus((2, 3))
    assert [found.for_jobs(told) for told in ("", "1", "2", "9", "0", "many")] == [
        (2, 3), (2,), (2, 3), (2, 3), (), (2, 3)
    ]  # fmt: skip


@pytest.mark.parametrize(("visible", "numbers"), [(None, (0, 1)), ("2,3,4", (2, 3)), ("", ())])
def test_where_nobody_can_be_asked_the_label_says_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, numbers: tuple[int, ...]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert OwnGpus().for_jobs("2") == numbers


@pytest.mark.parametrize("script", ["exit 9", "echo 'No devices were found'", "true", "echo 'GPU-1, [N/A], a GPU'"])
def test_a_tool_that_tells_nothing_of_use_is_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    tool(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert own_gpus() == OwnGpus()


def test_a_machine_without_the_tool_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_gpus() == OwnGpus()
