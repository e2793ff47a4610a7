"""A folder becomes the same ZIP every time, which any node unpacks to the same files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.bundling import check_bundle, pack_code, pack_folder
from compute_node.scripts.bundle import unpack
from rpc.archive_limits import DATASET
from rpc.errors import BadBundle, BadRequest


def make(folder: Path, *names: str) -> Path:
    """A folder with these files, and with these folders where a name ends in a slash."""
    for name in names:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(name)
    return folder


def packed(folder: Path) -> dict[str, Path]:
    """What a node gets of a folder."""
    target = folder.parent / "bundle.zip"
    pack_folder(folder, target)
    unpacked = folder.parent / "unpacked"
    unpacked.mkdir()
    unpack(target, unpacked)
    return {str(path.relative_to(unpacked)) + "/" * path.is_dir(): path for path in sorted(unpacked.rglob("*"))}


def test_a_node_gets_what_is_in_the_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "job", "main.py", "data/one.txt", "données/deux.txt", "empty/", "run.sh", ".hidden")
    (folder / "run.sh").chmod(0o750)
    files = packed(folder)
    assert list(files) == [
        ".hidden",
        "data/",
        "data/one.txt",
        "données/",
        "données/deux.txt",
        "empty/",
        "main.py",
        "run.sh",
    ]
    assert files["data/one.txt"].read_text() == "data/one.txt"
    assert stat.S_IMODE(files["run.sh"].stat().st_mode) == 0o755
    assert stat.S_IMODE(files["main.py"].stat().st_mode) == 0o644


def test_the_same_contents_make_the_same_bytes(tmp_path: Path) -> None:
    names = ["main.py", "b.txt", "a/c.txt", "a.txt", "z/"]
    one, other = make(tmp_path / "one", *names), make(tmp_path / "other", *reversed(names))
    os.utime(other / "main.py", (0, 0))
    (other / "b.txt").chmod(0o600)
    for folder in (one, other):
        pack_folder(folder, tmp_path / f"{folder.name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_caches_and_environments_stay_at_home(tmp_path: Path) -> None:
    caches = (".git/config", "a/.git", "__pycache__/x.pyc", "a/x.pyc", ".venv/bin/python", "venv/x", "node_modules/x/y")
    more = (".mypy_cache/x", "a/.pytest_cache/x", ".ipynb_checkpoints/x")
    folder = make(tmp_path / "job", "main.py", "a/b.py", *caches, *more)
    (folder / ".venv" / "bin" / "python3").symlink_to("/usr/bin/python3")
    assert list(packed(folder)) == ["a/", "a/b.py", "main.py"]


def test_the_ignore_file_is_read_as_git_reads_its_own(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "job", "main.py", "out/x", "src/out/x", "notes.md", "keep.md", "top.txt", "src/top.txt", "venv/x"
    )
    (folder / ".roundhouseignore").write_text("# not these\n/out/\n*.md\n!keep.md\n/top.txt\n!venv\n")
    expected = [
        ".roundhouseignore",
        "keep.md",
        "main.py",
        "src/",
        "src/out/",
        "src/out/x",
        "src/top.txt",
        "venv/",
        "venv/x",
    ]
    assert list(packed(folder)) == expected


def test_an_ignore_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "job", "main.py")
    for data in (b"\xff\n", b"good\n!\n"):
        (folder / ".roundhouseignore").write_bytes(data)
        with pytest.raises(BadBundle, match=r"\.roundhouseignore: cannot be used"):
            pack_folder(folder, tmp_path / "bundle.zip")


@pytest.mark.parametrize("leads_to", ["main.py", "nowhere", "/etc/passwd", "../job", "a"])
def test_symbolic_links_are_refused_unless_they_are_left_out(tmp_path: Path, leads_to: str) -> None:
    folder = make(tmp_path / "job", "main.py", "a/")
    (folder / "a" / "link").symlink_to(leads_to)
    with pytest.raises(BadBundle, match=r"'a/link' in .* is a symbolic link"):
        pack_folder(folder, tmp_path / "bundle.zip")
    (folder / ".roundhouseignore").write_text("link\n")
    assert "main.py" in packed(folder)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "job", "main.py")
    os.mkfifo(folder / "pipe")
    with pytest.raises(BadBundle, match=r"'pipe' in .* is no regular file"):
        pack_folder(folder, tmp_path / "bundle.zip")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match=r"nowhere: cannot be read: No such file"):
        pack_folder(tmp_path / "nowhere", tmp_path / "bundle.zip")


def test_a_folder_that_is_too_large_is_refused_before_it_is_packed(tmp_path: Path) -> None:
    folder = make(tmp_path / "job", "main.py", "data")
    os.truncate(folder / "data", 200_000_000)
    with pytest.raises(BadBundle, match=r"more than 200,000,000 bytes; .*\.roundhouseignore"):
        pack_folder(folder, tmp_path / "bundle.zip")
    assert not (tmp_path / "bundle.zip").exists()


def test_a_folder_of_too_many_files_or_levels_is_refused(tmp_path: Path) -> None:
    many = make(tmp_path / "many", *(str(number) for number in range(5001)))
    with pytest.raises(BadBundle, match="more than 5,000 files"):
        pack_folder(many, tmp_path / "bundle.zip")
    pack_folder(many, tmp_path / "dataset.zip", DATASET)
    deep = make(tmp_path / "deep", "a/" * 40 + "x")
    with pytest.raises(BadBundle, match="more than 16 folders deep"):
        pack_folder(deep, tmp_path / "bundle.zip")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "job", "main.py")
    (folder / os.fsdecode(b"\xe9.txt")).touch()
    with pytest.raises(BadBundle, match=r"U\+DCE9"):
        pack_folder(folder, tmp_path / "bundle.zip")


def test_code_becomes_a_bundle_with_main_py(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    pack_code("print('é')", bundle)
    check_bundle(bundle)
    unpack(bundle, make(tmp_path, "out/") / "out")
    assert (tmp_path / "out" / "main.py").read_text() == "print('é')\n"
    with pytest.raises(BadRequest, match="not UTF-8"):
        pack_code("print('\udce9')", bundle)


def test_a_bundle_without_its_program_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    pack_folder(make(tmp_path / "job", "train.py"), bundle)
    check_bundle(bundle, "train.py")
    with pytest.raises(BadBundle, match=r"no 'main\.py'; add it, or name the program with --main"):
        check_bundle(bundle)
    bundle.write_text("print(1)")
    with pytest.raises(BadBundle, match="no ZIP"):
        check_bundle(bundle)
    with pytest.raises(BadBundle, match="cannot be read"):
        check_bundle(tmp_path)


NAMES = st.text("ab é_.-", min_size=1, max_size=4).map("x".__add__)  # that no pattern leaves out
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.binary(max_size=99), max_size=6)


@settings(deadline=None)
@given(TREES)
def test_any_folder_is_unpacked_to_the_same_files(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[tuple[str, ...], bytes]
) -> None:
    folders = {path[:depth] for path in tree for depth in range(1, len(path))}
    files = {"/".join(path): data for path, data in tree.items() if path not in folders}
    home = tmp_path_factory.mktemp("any")
    (home / "job").mkdir()
    for name, data in files.items():
        (home / "job" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "job" / name).write_bytes(data)
    assert {name: path.read_bytes() for name, path in packed(home / "job").items() if path.is_file()} == files
