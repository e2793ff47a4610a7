"""Tests of blobs: received in parts, verified, resumed, and never outside their folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from rpc.blobs import BlobFolder, blob_name, parts
from rpc.digests import RunningDigest, digest
from rpc.errors import BadRequest, DiskFull, MissingBlob, TrainerError
from rpc.incoming import IncomingBlob
from rpc.messages import PART_BYTES, BlobState
from tests.rpc.read_only import read_only


@pytest.fixture
def folder(tmp_path: Path) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs")


def files(folder: BlobFolder) -> list[str]:
    """Names of the files of blobs, whole or not."""
    return sorted(entry.name for entry in folder.path.iterdir() if entry.name != "lock")


def test_a_blob_comes_in_parts_and_has_its_name_only_when_whole(folder: BlobFolder) -> None:
    data = os.urandom(1000)
    name = blob_name(data)
    assert folder.state(name, 1000) == BlobState(name, 1000, 0)
    assert folder.put(name, 1000, 0, data[:400]) == BlobState(name, 1000, 400)
    assert folder.names() == []
    with pytest.raises(MissingBlob, match="not here"):
        folder.read(name)
    assert folder.put(name, 1000, 400, memoryview(data)[400:]) == BlobState(name, 1000, 1000)
    assert folder.names() == [name]
    assert folder.read(name) == data
    assert folder.get(name, 990, 100) == data[990:]
    assert folder.file(name).read_bytes() == data
    assert folder.put(name, 1000, 0, data[:400]) == BlobState(name, 1000, 1000)  # it is here already


def test_a_part_at_the_wrong_place_is_left_aside_and_the_right_place_told(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = blob_name(data)
    folder.put(name, 100, 0, data[:50])
    assert folder.put(name, 100, 80, data[80:]).have == 50
    assert folder.put(name, 100, 0, data[:50]).have == 50
    assert folder.put(name, 100, 50, data[50:]).have == 100
    assert folder.read(name) == data


def test_another_process_goes_on_where_one_stopped(folder: BlobFolder) -> None:
    data = os.urandom(3000)
    name = blob_name(data)
    folder.put(name, 3000, 0, data[:2000])
    folder.close()
    later = BlobFolder(folder.path)
    assert later.state(name, 3000).have == 2000
    later.put(name, 3000, 2000, data[2000:])
    assert later.read(name) == data


def test_a_part_file_that_is_whole_or_too_long_is_put_right(folder: BlobFolder) -> None:
    data = os.urandom(300)
    name = blob_name(data)
    part = folder.file(name).with_suffix(".part")
    part.write_bytes(data)  # the process ended before the file got its name
    assert folder.state(name, 300).have == 300
    assert folder.read(name) == data
    folder.remove(name)
    part.write_bytes(data + b"too much")
    assert folder.state(name, 300).have == 0


def test_a_part_file_that_was_damaged_is_dropped_and_sent_again(folder: BlobFolder) -> None:
    data = os.urandom(300)
    name = blob_name(data)
    folder.file(name).with_suffix(".part").write_bytes(bytes(200))  # the disk lost what an earlier process wrote
    assert folder.state(name, 300).have == 200
    with pytest.raises(MissingBlob, match="send it again"):
        folder.put(name, 300, 200, data[200:])
    assert files(folder) == []
    assert folder.put(name, 300, 0, data).have == 300


def test_bytes_that_are_not_in_the_file_any_more_are_not_right(tmp_path: Path) -> None:
    data = os.urandom(300)
    incoming = IncomingBlob(tmp_path / "a.part", 300)
    incoming.append(data)
    assert incoming.is_right(blob_name(data))
    incoming.path.unlink()
    assert not incoming.is_right(blob_name(data))


def test_wrong_bytes_are_refused_and_can_be_sent_again(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = blob_name(data)
    with pytest.raises(MissingBlob, match="another hash; send it again"):
        folder.put(name, 100, 0, bytes(100))
    assert files(folder) == []
    assert folder.put(name, 100, 0, data).have == 100


def test_the_empty_blob_is_one_too(folder: BlobFolder) -> None:
    name = blob_name(b"")
    assert folder.put(name, 0, 0, b"") == BlobState(name, 0, 0)
    assert folder.read(name) == b""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 64,
        "md5:" + "a" * 64,
        "sha256:",
        "sha256:../../etc/passwd",
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 63 + "\0",
        "sha256:" + "a" * 64 + "\n",
        "sha256:" + "a" * 60 + "/../",
    ],
)
def test_a_name_that_is_none_is_refused_everywhere(folder: BlobFolder, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: folder.state(name, 1),
        lambda: folder.put(name, 1, 0, b"x"),
        lambda: folder.get(name, 0, 1),
        lambda: folder.read(name),
        lambda: folder.remove(name),
        lambda: folder.file(name),
    ]
    for call in calls:
        with pytest.raises(BadRequest, match="no blob name"):
            call()
    assert files(folder) == []


def test_sizes_and_places_that_cannot_be_are_refused(folder: BlobFolder) -> None:
    name = blob_name(b"abc")
    for size, offset, data in ((-1, 0, b""), (3, -1, b"a"), (3, 2, b"bc"), (2, 0, b"abc")):
        with pytest.raises(BadRequest, match="does not fit"):
            folder.put(name, size, offset, data)
    for size in (64 * 2**30 + 1, 2**62, 2**63 - 1):
        with pytest.raises(BadRequest, match="too many"):
            folder.state(name, size)
    folder.put(name, 3, 0, b"abc")
    with pytest.raises(BadRequest, match="3 bytes, not 4"):
        folder.state(name, 4)
    for offset, length in ((-1, 1), (2**63 - 1, 1), (0, -1), (0, PART_BYTES + 1)):
        with pytest.raises(BadRequest, match="cannot be asked for"):
            folder.get(name, offset, length)
    assert folder.get(name, 100, 10) == b""


def test_a_wrong_size_declared_first_does_not_hinder_the_right_one(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = blob_name(data)
    folder.state(name, 1 << 20)
    assert folder.put(name, 100, 0, data[:60]) == BlobState(name, 100, 60)
    assert folder.state(name, 1 << 20).have == 60  # what came stays
    assert folder.state(name, 50).have == 0  # unless it would be too much
    assert folder.put(name, 100, 0, data).have == 100
    assert folder.read(name) == data


def test_a_write_that_fails_halfway_is_undone_by_the_next_try(folder: BlobFolder) -> None:
    resource = pytest.importorskip("resource")
    data = os.urandom(300_000)
    name = blob_name(data)
    folder.put(name, len(data), 0, data[:1000])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # the disk is full for a moment
    try:
        with pytest.raises(DiskFull, match="make room there"):
            folder.put(name, len(data), 1000, data[1000:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert folder.file(name).with_suffix(".part").stat().st_size > 1000
    assert folder.state(name, len(data)).have == 1000
    assert folder.put(name, len(data), 1000, data[1000:]).have == len(data)
    assert folder.read(name) == data


def test_a_read_only_disk_says_so_and_takes_the_rest_when_it_can_be_written_to(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = blob_name(data)
    folder.put(name, 100, 0, data[:60])
    with read_only(folder.path):
        for put in (lambda: folder.put(name, 100, 60, data[60:]), lambda: folder.store(data)):
            with pytest.raises(DiskFull, match="Read-only file system; make it writable"):
                put()
    assert folder.put(name, 100, 60, data[60:]).have == 100
    assert folder.read(name) == data


def test_a_part_file_that_somebody_removed_is_begun_again(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = blob_name(data)
    folder.put(name, 100, 0, data[:60])
    folder.file(name).with_suffix(".part").unlink()
    assert folder.put(name, 100, 60, data[60:]).have == 0
    assert folder.put(name, 100, 0, data).have == 100
    assert folder.read(name) == data


def test_a_folder_that_vanished_is_made_again(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = blob_name(data)
    folder.put(name, 100, 0, data[:60])
    shutil.rmtree(folder.path)
    assert folder.names() == []
    assert folder.put(name, 100, 60, data[60:]).have == 0
    assert folder.put(name, 100, 0, data).have == 100
    assert folder.read(name) == data
    with pytest.raises(TrainerError, match="in use"):
        BlobFolder(folder.path)
    shutil.rmtree(folder.path)
    assert folder.state(name, 100).have == 0


def test_no_blob_is_begun_that_would_fill_the_disk(folder: BlobFolder) -> None:
    free = shutil.disk_usage(folder.path).free
    data = os.urandom(1 << 20)
    name = blob_name(data)
    tight = BlobFolder(folder.path / "tight", keep_free_bytes=free)
    with pytest.raises(DiskFull):
        tight.state(name, 1 << 34)
    assert folder.put(name, len(data), 0, data).have == len(data)
    folder.close()
    small = BlobFolder(folder.path, keep_free_bytes=free + (1 << 40))
    with pytest.raises(DiskFull, match="2 bytes more do not fit"):
        small.state(blob_name(b"no"), 2)
    assert small.state(name, len(data)).have == len(data), "it is here already"


def test_a_blob_of_which_nothing_came_for_an_hour_is_dropped(tmp_path: Path) -> None:
    now = 0.0
    folder = BlobFolder(tmp_path, clock=lambda: now)
    old, slow, new = (blob_name(bytes([number])) for number in range(3))
    folder.put(old, 2, 0, b"o")
    folder.put(slow, 2, 0, b"s")
    now = 3000.0
    folder.state(slow, 2)
    now = 3601.0
    folder.put(new, 2, 0, b"n")
    assert files(folder) == sorted(f"{folder.file(name).name}.part" for name in (slow, new))
    assert [folder.state(name, 2).have for name in (old, slow, new)] == [0, 1, 1]


def test_of_very_many_blobs_on_their_way_the_longest_idle_is_dropped(folder: BlobFolder) -> None:
    names = [blob_name(number.to_bytes(2)) for number in range(1001)]
    for name in names[:1000]:
        folder.put(name, 2, 0, b"?")
    folder.state(names[0], 2)
    folder.put(names[1000], 2, 0, b"?")
    assert len(files(folder)) == 1000
    assert [folder.state(name, 2).have for name in (names[0], names[1000], names[1])] == [1, 1, 0]


def test_threads_put_different_and_equal_blobs_at_once(folder: BlobFolder) -> None:
    contents = [os.urandom(50_000) for _ in range(4)]

    def put(data: bytes) -> None:
        name = blob_name(data)
        while (have := folder.state(name, len(data)).have) < len(data):
            folder.put(name, len(data), have, data[have : have + 997])

    threads = [Thread(target=put, args=(data,)) for data in contents * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(folder.names()) == sorted(blob_name(data) for data in contents)
    assert all(folder.read(blob_name(data)) == data for data in contents)


@pytest.mark.parametrize("size", [0, 10, PART_BYTES + 1])
def test_bytes_of_our_own_become_a_blob_whatever_a_killed_process_left(folder: BlobFolder, size: int) -> None:
    data = os.urandom(size)
    (folder.path / "stored.part").write_bytes(os.urandom(20))
    for _ in range(2):  # the second time it is there already
        assert folder.store(data) == blob_name(data)
        assert folder.names() == [blob_name(data)] and folder.read(blob_name(data)) == data
    assert [file.suffix for file in folder.path.iterdir() if file.suffix == ".part"] == []


def test_threads_store_blobs_of_their_own_at_once(folder: BlobFolder) -> None:
    contents = [os.urandom(200_000) for _ in range(8)]
    threads = [Thread(target=folder.store, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert all(folder.checked(blob_name(data)) == data for data in contents)


@given(st.integers(0, 5 * PART_BYTES))
def test_parts_cover_a_size_once_and_in_order(size: int) -> None:
    at = 0
    for offset, length in parts(size):
        assert offset == at and length <= PART_BYTES
        at += length
    assert at == size


@given(st.binary(max_size=300))
def test_names_and_digests_are_those_of_the_bytes(data: bytes) -> None:
    assert blob_name(memoryview(data)) == "sha256:" + hashlib.sha256(data).hexdigest()
    assert digest(bytearray(data)) % (1 << 64) == xxhash.xxh3_64_intdigest(data)
    assert -(1 << 63) <= digest(data) < 1 << 63
    running = RunningDigest()
    running.update(data[:3])
    running.update(memoryview(data)[3:])
    assert running.value == digest(data)
