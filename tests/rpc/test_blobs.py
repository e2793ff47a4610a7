"""Tests of blobs: received in parts, verified, resumed, and never outside their folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from rpc.blobs import BlobFolder, blob_name, digest, parts
from rpc.errors import BadData, BadRequest, MissingBlob
from rpc.messages import PART_BYTES, BlobState


@pytest.fixture
def folder(tmp_path: Path) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs")


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
    later = BlobFolder(folder.path)
    assert later.state(name, 3000).have == 2000
    later.put(name, 3000, 2000, data[2000:])
    assert later.read(name) == data


def test_a_part_file_that_is_whole_or_too_long_is_put_right(folder: BlobFolder) -> None:
    data = os.urandom(300)
    name = blob_name(data)
    part = folder.file(name).with_suffix(".part")
    part.write_bytes(data)  # the process ended before the file got its name
    assert BlobFolder(folder.path).state(name, 300).have == 300
    assert folder.read(name) == data
    folder.remove(name)
    part.write_bytes(data + b"too much")
    assert BlobFolder(folder.path).state(name, 300).have == 0


def test_wrong_bytes_are_refused_and_can_be_sent_again(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = blob_name(data)
    with pytest.raises(BadData, match="another hash"):
        folder.put(name, 100, 0, bytes(100))
    assert list(folder.path.iterdir()) == []
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
    assert list(folder.path.iterdir()) == []


def test_sizes_and_places_that_cannot_be_are_refused(folder: BlobFolder) -> None:
    name = blob_name(b"abc")
    for size, offset, data in ((-1, 0, b""), (3, -1, b"a"), (3, 2, b"bc"), (2, 0, b"abc")):
        with pytest.raises(BadRequest, match="does not fit"):
            folder.put(name, size, offset, data)
    folder.put(name, 3, 0, b"a")
    with pytest.raises(BadRequest, match="3 bytes, not 4"):
        folder.put(name, 4, 1, b"b")
    folder.put(name, 3, 1, b"bc")
    with pytest.raises(BadRequest, match="3 bytes, not 4"):
        folder.state(name, 4)
    for offset, length in ((-1, 1), (0, -1), (0, PART_BYTES + 1)):
        with pytest.raises(BadRequest, match="cannot be asked for"):
            folder.get(name, offset, length)
    assert folder.get(name, 100, 10) == b""


def test_the_folder_holds_no_more_than_it_may(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path, max_bytes=250)
    whole, coming, more = (os.urandom(100) for _ in range(3))
    folder.put(blob_name(whole), 100, 0, whole)
    folder.put(blob_name(coming), 100, 0, coming[:1])
    with pytest.raises(BadRequest, match="200 of 250 are taken"):
        folder.put(blob_name(more), 100, 0, more)
    folder.remove(blob_name(whole))
    assert folder.put(blob_name(more), 100, 0, more).have == 100


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
