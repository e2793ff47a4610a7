"""Trees are removed and measured whatever their depth, their links and their modes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compute_node.scripts.trees import disk_bytes, remove_tree


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("down", dir_fd=here)
        below = os.open("down", os.O_RDONLY, dir_fd=here)
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=below))
        os.close(here)
        here = below
    os.close(here)
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "mine", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "to-folder").symlink_to(outside)
    (folder / "a" / "b" / "to-folder").symlink_to(outside, target_is_directory=True)
    (folder / "a" / "nowhere").symlink_to("nowhere")
    os.link(outside / "kept", folder / "a" / "same")
    os.mkfifo(folder / "a" / "pipe")
    remove_tree(folder)
    assert {path.name for path in tmp_path.rglob("*")} == {"outside", "kept"}


def test_folders_that_forbid_it_are_removed_too(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "closed" / "x" / "y").mkdir(parents=True)
    (folder / "closed" / "x" / "file").write_text("x")
    (folder / "closed" / "x").chmod(0o500)
    (folder / "closed").chmod(0)
    remove_tree(folder)
    assert not folder.exists()


def test_a_link_to_a_folder_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    with pytest.raises(OSError):
        remove_tree(tmp_path / "link")
    assert (tmp_path / "kept").exists()


def test_the_size_is_that_on_the_disk_and_without_what_links_lead_to(tmp_path: Path) -> None:
    folder, outside = tmp_path / "mine", tmp_path / "outside"
    (folder / "a" / "b").mkdir(parents=True)
    outside.write_bytes(os.urandom(1_000_000))
    (folder / "link").symlink_to(outside)
    before = disk_bytes(folder)
    assert before < 100_000
    (folder / "a" / "b" / "data").write_bytes(os.urandom(200_000))
    with (folder / "sparse").open("wb") as file:
        file.truncate(10_000_000)
    assert 200_000 <= disk_bytes(folder) - before < 300_000
