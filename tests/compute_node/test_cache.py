"""What a node keeps is bounded: the least recently used goes first, what is in use never; over restarts, too."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event
from time import monotonic, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute_node.cache import Cache, CacheSettings, Kept, too_much
from compute_node.kept_blobs import KeptBlobs
from rpc.blobs import BlobFolder, blob_name

KEPT = st.lists(
    st.builds(Kept, st.text("abc", min_size=1), st.integers(0, 100), st.floats(0, 1e9), st.booleans()),
    unique_by=lambda each: each.name,
)


@given(KEPT, st.integers(0, 500))
def test_what_stays_fits_or_is_in_use_and_was_used_later_than_all_that_goes(kept: list[Kept], most: int) -> None:
    doomed = too_much(kept, most)
    left = [each for each in kept if each not in doomed]
    idle = [each for each in left if not each.is_in_use]
    assert not any(each.is_in_use for each in doomed)
    assert sum(each.size for each in left) <= most or not idle
    assert all(gone.used_at <= stays.used_at for gone in doomed for stays in idle)
    if doomed:  # and not one more than need be
        assert sum(each.size for each in left) + doomed[-1].size > most


@given(KEPT)
def test_nothing_goes_where_all_fits(kept: list[Kept]) -> None:
    assert too_much(kept, sum(each.size for each in kept)) == []


class Scene:
    """Blobs of 100 bytes, each used a minute after the one before, and hours ago."""

    def __init__(self, folder: Path, n_blobs: int, *, max_bytes: int, grace_s: float = 600.0) -> None:
        self.blobs = BlobFolder(folder)
        self.names = [blob_name(self.data(number)) for number in range(n_blobs)]
        for number, name in enumerate(self.names):
            self.blobs.put(name, 100, 0, self.data(number))
            self.age(number, 36_000.0 - 60.0 * number)
        self.shelf = KeptBlobs(self.blobs, grace_s)
        self.cache = Cache(CacheSettings(max_bytes, grace_s))
        self.cache.add(self.shelf)

    def data(self, number: int) -> bytes:
        return bytes([number]) * 100

    def age(self, number: int, age_s: float) -> None:
        at = time() - age_s
        os.utime(self.blobs.file(self.names[number]), (at, at))

    def left(self) -> list[int]:
        """What is there once all that is too much has gone."""
        self.cache.tidy()
        return [number for number, name in enumerate(self.names) if self.blobs.file(name).exists()]


def test_the_blobs_that_were_used_last_stay(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 5, max_bytes=250)
    assert scene.left() == [3, 4]
    assert scene.cache.size == 200
    assert scene.left() == [3, 4]


def test_a_blob_that_is_used_again_counts_as_new_in_the_next_process_as_well(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 5, max_bytes=300)
    scene.shelf.note(scene.names[0])
    scene.shelf.note(blob_name(b"of which there is nothing here"))
    scene.blobs.close()
    restarted = BlobFolder(tmp_path)
    cache = Cache(CacheSettings(300))
    cache.add(KeptBlobs(restarted, 600.0))
    cache.tidy()
    assert {*restarted.names()} == {scene.names[number] for number in (0, 3, 4)}


def test_a_blob_that_a_job_holds_stays_as_long_as_it_does(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3, max_bytes=1)
    with scene.shelf.use([scene.names[1]]), scene.shelf.use([scene.names[1], scene.names[0]]):
        assert scene.left() == [0, 1]
    with scene.shelf.use([scene.names[1]]):
        assert scene.left() == [1]
        scene.shelf.drop(scene.names[1])  # which somebody decided before it came into use
        assert scene.left() == [1]
    assert scene.left() == []


def test_what_was_used_just_now_stays_and_that_this_is_too_much_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(tmp_path, 3, max_bytes=50)
    for number in (1, 2):
        scene.age(number, 60.0)
    assert [scene.left(), scene.left()] == [[1, 2], [1, 2]]
    assert [record.getMessage() for record in caplog.records] == [
        "what is in use takes 2e-07 GB on the disk, more than the 5e-08 GB of --cache-gb"
    ]
    scene.age(1, 3600.0)
    scene.age(2, 3600.0)
    assert scene.left() == []


def test_what_nobody_has_sent_on_for_a_day_is_removed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 0, max_bytes=1000)
    scene.blobs.put(blob_name(b"all of it"), 9, 0, b"all")
    part = next(tmp_path.glob("*.part"))
    scene.blobs.close()
    left = KeptBlobs(BlobFolder(tmp_path), 600.0)
    left.kept()
    assert part.exists()
    os.utime(part, (0, 0))
    left.kept()
    assert not part.exists()


class Stubborn:
    """A shelf of which one thing cannot be removed."""

    def __init__(self) -> None:
        self.names = {"stays", "goes"}

    def kept(self) -> list[Kept]:
        return [Kept(name, 10, 0.0 if name == "stays" else 1.0) for name in sorted(self.names)]

    def drop(self, name: str) -> None:
        if name == "stays":
            raise PermissionError("not yours")
        self.names.remove(name)


def test_what_cannot_be_removed_is_told_and_holds_up_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    cache, shelf = Cache(CacheSettings(5)), Stubborn()
    cache.add(shelf)
    cache.tidy()
    assert (shelf.names, cache.size) == ({"stays"}, 10)
    assert "stays cannot be removed from the cache: not yours" in caplog.text


def test_a_cache_is_looked_at_again_and_again_until_it_is_closed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2, max_bytes=100)
    cache = Cache(CacheSettings(100, every_s=0.01))
    cache.start()
    cache.add(scene.shelf)
    end, pause = monotonic() + 20.0, Event()
    while scene.blobs.file(scene.names[0]).exists():
        assert monotonic() < end
        pause.wait(0.01)
    cache.close()
    assert scene.blobs.file(scene.names[1]).exists()
