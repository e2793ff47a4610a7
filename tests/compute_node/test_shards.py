"""Shards are parsed and prepared once, and the least recently used ones are dropped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compute_node.shards import ShardCache
from rpc.blobs import BlobFolder, blob_name
from rpc.errors import BadData, MissingBlob

RAW = (b"", b"")


@pytest.fixture
def blobs(tmp_path: Path) -> BlobFolder:
    return BlobFolder(tmp_path)


def put(blobs: BlobFolder, text: str) -> str:
    data = text.encode()
    name = blob_name(data)
    blobs.put(name, len(data), 0, data)
    return name


def test_a_shard_is_prepared_once_per_kind_of_preparation(blobs: BlobFolder) -> None:
    cache, name = ShardCache(blobs, 1 << 20), put(blobs, "1,2,0\n3,4,1\n")
    raw = cache.prepared(name, "a.txt", "float32", RAW)
    assert cache.prepared(name, "a.txt", "float32", RAW) is raw
    assert raw[0].dtype == np.float32 and raw[0].tolist() == [[1, 2], [3, 4]] and raw[1].tolist() == [0, 1]
    moments = np.array([2.0, 3.0]).tobytes(), np.array([1.0, 2.0]).tobytes()
    scaled = cache.prepared(name, "a.txt", "float64", moments)
    assert scaled[0].tolist() == [[-1.0, -0.5], [1.0, 0.5]]


def test_the_least_recently_used_shard_is_dropped_first(blobs: BlobFolder) -> None:
    names = [put(blobs, f"{number},0\n" * 100) for number in range(3)]
    cache = ShardCache(blobs, max_bytes=2 * 100 * (4 + 8))
    first, second = (cache.prepared(name, "a.txt", "float32", RAW) for name in names[:2])
    assert cache.prepared(names[0], "a.txt", "float32", RAW) is first
    cache.prepared(names[2], "a.txt", "float32", RAW)
    assert cache.prepared(names[0], "a.txt", "float32", RAW) is first
    assert cache.prepared(names[1], "a.txt", "float32", RAW) is not second


def test_a_blob_that_is_not_here_and_one_that_is_no_shard_are_told_apart(blobs: BlobFolder) -> None:
    cache = ShardCache(blobs, 1 << 20)
    with pytest.raises(MissingBlob):
        cache.parsed("sha256:" + "0" * 64, "a.txt")
    with pytest.raises(BadData, match=r"^a\.txt:2: "):
        cache.parsed(put(blobs, "1,2,0\n1,0\n"), "a.txt")


def test_a_damaged_blob_is_not_trained_on_and_may_be_sent_again(blobs: BlobFolder) -> None:
    cache, name = ShardCache(blobs, 1 << 20), put(blobs, "1,2,0\n")
    blobs.file(name).write_text("1,3,0\n")
    with pytest.raises(MissingBlob):
        cache.parsed(name, "a.txt")
    put(blobs, "1,2,0\n")
    assert cache.parsed(name, "a.txt").x.tolist() == [[1, 2]]
