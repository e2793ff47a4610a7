"""What a job leaves in out/ is taken in; nothing that it made is followed, and each refusal says why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_node.scripts import artifacts
from compute_node.scripts.artifacts import Collected, KeptArtifacts, collect
from compute_node.scripts.ending import with_artifacts
from compute_node.scripts.trees import remove_tree
from rpc.blobs import BlobFolder, blob_name
from rpc.errors import FailureKind
from rpc.messages import DataFile, ScriptEnd
from tests.compute_node.scripts.conftest import need


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[BlobFolder]:
    folder = BlobFolder(tmp_path / "blobs", keep_free_bytes=0)
    yield folder
    folder.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    return out


def collected(out: Path, blobs: BlobFolder) -> tuple[list[DataFile], list[str]]:
    """What is taken and what is refused; nothing may be lost."""
    found = collect(out, blobs)
    assert found.lost == ""
    return found.files, found.refused


def test_files_are_taken_with_their_paths_in_order(out: Path, blobs: BlobFolder) -> None:
    large = os.urandom(9_000_000)
    (out / "models").mkdir()
    (out / "models" / "best.npz").write_bytes(large)
    (out / "empty.txt").write_bytes(b"")
    taken, refused = collected(out, blobs)
    assert taken == [
        DataFile("empty.txt", blob_name(b""), 0),
        DataFile("models/best.npz", blob_name(large), len(large)),
    ]
    assert blobs.checked(taken[1].blob) == large
    assert refused == []


def test_nothing_is_followed(out: Path, blobs: BlobFolder, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("token")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").write_text("token")
    (out / "link").symlink_to(secret)
    (out / "hard").hardlink_to(secret)
    (out / "folder").symlink_to(tmp_path / "folder")
    os.mkfifo(out / "pipe")
    taken, refused = collected(out, blobs)
    assert taken == []
    assert [line.split(" ")[0] for line in refused] == ["out/folder", "out/hard", "out/link", "out/pipe"]
    assert blobs.names() == []


@pytest.mark.parametrize("name", ["a\x1b[31m", "b\nforged", "c\\d", "e\u202e"])
def test_names_that_a_terminal_or_a_system_obeys_are_refused(out: Path, blobs: BlobFolder, name: str) -> None:
    (out / name).write_text("x")
    taken, (line,) = collected(out, blobs)
    assert taken == []
    assert line.isprintable()


def test_only_so_many_files_and_bytes_are_taken(out: Path, blobs: BlobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_FILES", 2)
    monkeypatch.setattr(artifacts, "MAX_BYTES", 10)
    for name, size in (("a", 6), ("b", 6), ("c", 3), ("d", 1)):
        (out / name).write_bytes(b"x" * size)
    taken, refused = collected(out, blobs)
    assert [each.file for each in taken] == ["a", "c"]
    assert "GiB" in refused[0] and "more than 2 files" in refused[1]


def test_a_tree_that_is_too_deep_is_left_out_and_the_rest_is_taken(out: Path, blobs: BlobFolder) -> None:
    here = os.open(out, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        inside = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inside
    os.close(here)
    (out / "model").write_bytes(b"x")
    taken, (line,) = collected(out, blobs)
    assert [each.file for each in taken] == ["model"]
    assert line.endswith("is left out: its path has more than 200 bytes")
    remove_tree(out)


def test_a_folder_that_has_gone_or_cannot_be_read_is_left_out(blobs: BlobFolder, tmp_path: Path) -> None:
    assert collected(tmp_path / "none", blobs) == ([], ["out/ is left out: No such file or directory"])


def test_not_every_refusal_is_told(out: Path, blobs: BlobFolder) -> None:
    for number in range(artifacts.MAX_REFUSED + 1000):
        (out / f"link{number}").symlink_to("/")
    taken, refused = collected(out, blobs)
    assert taken == [] and len(refused) == artifacts.MAX_REFUSED + 1
    assert refused[-1] == "1,000 more of out/ are left out"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with 3 MB more than is kept free."""
    need("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=67m", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_what_a_full_disk_has_no_room_for_is_told_in_one_line(out: Path, small_disk: Path) -> None:
    for name in ("a", "b", "c"):
        (out / name).write_bytes(os.urandom(2 << 20))
    (out / "small").write_bytes(b"x")
    kept = KeptArtifacts(small_disk / "j-1")
    found = kept.take_in(out)
    assert [each.file for each in found.files] == ["a", "small"]
    assert kept.get(found.files[1].blob, 0, 10) == b"x"
    assert (found.refused, found.lost) == ([], "out/b and 1 more of its files are lost: the node's disk is full")
    kept.remove()
    assert [*small_disk.iterdir()] == []


def test_what_cannot_be_kept_at_all_is_told_in_one_line(out: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = KeptArtifacts(tmp_path / "file" / "j-1").take_in(out)
    assert found.files == [] and found.lost.startswith("what the job has left in out/ is lost: ")


def test_a_job_that_has_lost_something_has_failed() -> None:
    end = with_artifacts(ScriptEnd(0), Collected(lost="out/x is lost"))
    assert (end.status, end.failure, end.reason) == (0, FailureKind.NO_CAPACITY, "out/x is lost")
    end = with_artifacts(ScriptEnd(3, int(FailureKind.USER_ERROR), "exit status 3"), Collected(lost="out/x is lost"))
    assert (end.failure, end.reason) == (FailureKind.USER_ERROR, "exit status 3; out/x is lost")
