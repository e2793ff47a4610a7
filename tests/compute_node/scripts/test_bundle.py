"""Bundles are unpacked whole and plain, or not at all, whatever a ZIP says of itself."""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute_node.scripts.bundle import unpack
from rpc.archive_limits import ArchiveLimits
from rpc.archives import check_program, read_entries
from rpc.errors import BadBundle
from tests.compute_node.scripts.hostile_archives import Hostile, hostile_archives
from tests.compute_node.scripts.zip_bytes import FOLDER, Part, zip_of

HOSTILE = list(hostile_archives())
BOMBS = [each for each in HOSTILE if each.name.startswith(("bomb", "flood"))]
CHECKOUT = Path(__file__).parents[3]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty folder some levels deep, so that a way out would be seen."""
    folder = tmp_path / "node" / "jobs" / "1"
    folder.mkdir(parents=True)
    return folder


def unpack_bytes(data: bytes, target: Path) -> None:
    archive = target.parents[2] / "bundle.zip"
    archive.write_bytes(data)
    unpack(archive, target)


@pytest.mark.parametrize("hostile", HOSTILE, ids=[each.name for each in HOSTILE])
def test_a_hostile_archive_is_refused_with_its_reason_and_leaves_nothing(
    hostile: Hostile, tmp_path: Path, target: Path
) -> None:
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(hostile.make())
    before = time.process_time()
    with pytest.raises(BadBundle, match=hostile.reason) as refusal:
        unpack(archive, target)
    assert time.process_time() - before < (0.1 if hostile.name.startswith("flood") else 1.0)
    assert str(refusal.value).isascii() and "\n" not in str(refusal.value)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert found == {"bundle.zip", "node", "node/jobs", "node/jobs/1"}


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(HOSTILE) >= 60
    assert len({each.name for each in HOSTILE}) == len(HOSTILE)


GROWTH = """
import sys
from pathlib import Path
from compute_node.scripts.bundle import unpack
from rpc.errors import BadBundle
def peak_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
before = peak_kb()
for number, archive in enumerate(sorted(Path(sys.argv[1]).glob("*.zip"))):
    folder = Path(sys.argv[1], str(number))
    folder.mkdir()
    try:
        unpack(archive, folder)
        print("unpacked", archive)
    except BadBundle:
        pass
print(peak_kb() - before)
"""


def test_no_bomb_and_no_flood_takes_more_than_100_mb(tmp_path: Path) -> None:
    for number, hostile in enumerate(BOMBS):
        (tmp_path / f"{number}.zip").write_bytes(hostile.make())
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100_000


COMPONENT = st.text("abcXYZ019._- \u00e9\u4e2d", min_size=1, max_size=8).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(COMPONENT, min_size=1, max_size=4).map("/".join)
TREES = st.dictionaries(PATHS, st.binary(max_size=200) | st.binary(max_size=4).map(lambda piece: piece * 20_000))


def is_plain(paths: list[str]) -> bool:
    """Whether no path is another one, or a folder of another one, where case does not count."""
    folded = {path.casefold() for path in paths}
    folders = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)}
    spelled = {path.casefold() for path in folders}
    return len(folded) == len(paths) and len(spelled) == len(folders) and not folded & spelled


COMMENTS = st.binary(max_size=9).filter(lambda comment: b"PK" not in comment)  # it could stand for another end


@settings(deadline=None)
@given(TREES.filter(lambda tree: is_plain(list(tree))), st.sampled_from([0, 8]), st.booleans(), COMMENTS)
def test_what_zipfile_packs_is_unpacked_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, bytes], method: int, is_piped: bool, comment: bytes
) -> None:
    folder = tmp_path_factory.mktemp("same")
    archive = folder / "bundle.zip"
    packed = io.BytesIO()
    with zipfile.ZipFile(OneWay(packed) if is_piped else packed, "w", method) as packing:
        packing.comment = comment
        for name, data in tree.items():
            packing.writestr(name, data)
    archive.write_bytes(packed.getvalue())
    (folder / "out").mkdir()
    unpack(archive, folder / "out")
    assert files_below(folder / "out") == tree


SOUND = zip_of(Part(method=8), Part(name=b"d/", data=b"", mode=FOLDER), Part(name=b"d/x", data=bytes(99), method=8))
CHANGES = st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=3)


@settings(deadline=None, max_examples=200)
@given(CHANGES, st.integers(0, len(SOUND)) | st.none())
def test_a_damaged_archive_is_refused_or_unpacked_and_nothing_else_happens(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], end: int | None
) -> None:
    data = bytearray(SOUND)
    for place, byte in changes:
        data[place] = byte
    home = tmp_path_factory.getbasetemp() / "damaged"
    shutil.rmtree(home, ignore_errors=True)
    (home / "out").mkdir(parents=True)
    (home / "bundle.zip").write_bytes(data[:end])
    try:
        unpack(home / "bundle.zip", home / "out")
    except BadBundle:
        assert list((home / "out").iterdir()) == []
    assert {path.name for path in home.iterdir()} == {"out", "bundle.zip"}


class OneWay(io.RawIOBase):
    """A file that cannot be gone back in, so that sizes must follow the data."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__()
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self._file.write(data)  # type: ignore[arg-type]


@pytest.mark.skipif(shutil.which("zip") is None, reason="there is no zip")
def test_what_the_zip_program_packs_is_unpacked_too(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    (source / "data").mkdir(parents=True)
    (source / "main.py").write_text("print(1)\n" * 1000)
    (source / "data" / "x.bin").write_bytes(os.urandom(1000))
    subprocess.run(["zip", "-q", "-r", "../source.zip", "."], cwd=source, check=True, timeout=30)
    unpack(tmp_path / "source.zip", target)
    assert files_below(target) == files_below(source)


def test_modes_are_plain_whatever_the_archive_and_the_umask_say(target: Path) -> None:
    program = Part(name=b"run.sh", mode=stat.S_IFREG | 0o6711)
    parts = (program, Part(mode=stat.S_IFREG | 0o1666), Part(name=b"d/", data=b"", mode=stat.S_IFDIR | 0o1777))
    umask = os.umask(0o077)
    try:
        unpack_bytes(zip_of(*parts, Part(name=b"implied/x", mode=stat.S_IFREG | 0o000)), target)
    finally:
        os.umask(umask)
    modes = {str(path.relative_to(target)): stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*")}
    assert modes == {
        "run.sh": 0o755,
        "main.py": 0o644,
        "d": 0o755,
        "implied": 0o755,
        "implied/x": 0o644,
    }


def test_the_limits_themselves_are_allowed(target: Path) -> None:
    parts = [Part(name=b"x" * 200), Part(name=b"/".join([b"a"] * 16)), Part(name=b"z", data=bytes(1_000_000), method=8)]
    unpack_bytes(zip_of(*parts), target)
    assert len(files_below(target)) == 3


def test_a_bundle_of_the_largest_size_is_unpacked_and_one_byte_more_is_not(tmp_path: Path, target: Path) -> None:
    limits = ArchiveLimits(archive_bytes=999, directory_bytes=999, entries=3, total_bytes=20, file_bytes=10)
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(zip_of(Part(name=b"a", data=bytes(10)), Part(name=b"b/c", data=bytes(10))))
    unpack(archive, target, limits)
    for sizes, reason in (((11, 1), "11 bytes, of at most 10"), ((10, 9, 2), "21 bytes, of at most 20")):
        archive.write_bytes(zip_of(*(Part(name=b"%d" % size, data=bytes(size)) for size in sizes)))
        with archive.open("rb") as file, pytest.raises(BadBundle, match=reason):
            read_entries(file, limits)


def test_a_folder_that_is_not_empty_is_not_touched(target: Path) -> None:
    (target / "mine").write_text("x")
    with pytest.raises(ValueError, match="not empty"):
        unpack_bytes(zip_of(Part()), target)
    assert files_below(target) == {"mine": b"x"}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, target: Path) -> None:
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(zip_of(Part(name=b"d/a"), Part(name=b"z", data=bytes(100_000))))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            unpack(archive, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(target.iterdir()) == []


def test_the_program_must_be_a_file_of_the_bundle(target: Path) -> None:
    file = io.BytesIO(zip_of(Part(), Part(name=b"src/", data=b"", mode=FOLDER), Part(name=b"src/train.py")))
    entries = read_entries(file)
    check_program(entries, "main.py")
    check_program(entries, "src/train.py")
    for main, reason in (("src", "a folder"), ("train.py", "no 'train.py'"), ("../main.py", re.escape("no '../"))):
        with pytest.raises(BadBundle, match=reason):
            check_program(entries, main)
    with pytest.raises(BadBundle, match=r"has no 'main\.py'"):
        check_program(read_entries(io.BytesIO(zip_of())), "main.py")
