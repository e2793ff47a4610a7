"""What a job leaves in out/ is taken in; nothing that it made is followed, and each refusal says why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_node.scripts import artifacts
from compute_node.scripts.artifacts import collect
from compute_node.scripts.trees import remove_tree
from rpc.blobs import BlobFolder, blob_name
from rpc.messages import DataFile


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


def test_files_are_taken_with_their_paths_in_order(out: Path, blobs: BlobFolder) -> None:
    large = os.urandom(9_000_000)
    (out / "models").mkdir()
    (out / "models" / "best.npz").write_bytes(large)
    (out / "empty.txt").write_bytes(b"")
    taken, refused = collect(out, blobs)
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
    taken, refused = collect(out, blobs)
    assert taken == []
    assert [line.split(" ")[0] for line in refused] == ["out/folder", "out/hard", "out/link", "out/pipe"]
    assert blobs.names() == []


@pytest.mark.parametrize("name", ["a\x1b[31m", "b\nforged", "c\\d", "e\u202e"])
def test_names_that_a_terminal_or_a_system_obeys_are_refused(out: Path, blobs: BlobFolder, name: str) -> None:
    (out / name).write_text("x")
    taken, (line,) = collect(out, blobs)
    assert taken == []
    assert line.isprintable()


def test_only_so_many_files_and_bytes_are_taken(out: Path, blobs: BlobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_FILES", 2)
    monkeypatch.setattr(artifacts, "MAX_BYTES", 10)
    for name, size in (("a", 6), ("b", 6), ("c", 3), ("d", 1)):
        (out / name).write_bytes(b"x" * size)
    taken, refused = collect(out, blobs)
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
    taken, (line,) = collect(out, blobs)
    assert [each.file for each in taken] == ["model"]
    assert line.endswith("is left out: its path has more than 200 bytes")
    remove_tree(out)


def test_a_folder_that_has_gone_or_cannot_be_read_is_left_out(blobs: BlobFolder, tmp_path: Path) -> None:
    assert collect(tmp_path / "none", blobs) == ([], ["out/ is left out: No such file or directory"])


def test_not_every_refusal_is_told(out: Path, blobs: BlobFolder) -> None:
    for number in range(artifacts.MAX_REFUSED + 1000):
        (out / f"link{number}").symlink_to("/")
    taken, refused = collect(out, blobs)
    assert taken == [] and len(refused) == artifacts.MAX_REFUSED + 1
    assert refused[-1] == "1,000 more of out/ are left out"
