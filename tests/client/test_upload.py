"""Sending data: what the coordinator holds is not sent again, and a part that came stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.link import Link
from client.upload import describe, find_data, upload
from rpc.blobs import blob_name
from rpc.errors import BadData
from rpc.messages import PART_BYTES
from tests.client.fake import Serving

LARGE = b"0,1\n" * (PART_BYTES // 4 + 1000)


@pytest.fixture
def link(coordinator: Serving) -> Iterator[Link]:
    link = Link("127.0.0.1", coordinator.port, timeout_s=10)
    yield link
    link.close()


def nobody(have: int, total: int) -> None:
    pass


def test_every_file_arrives_under_its_hash(coordinator: Serving, data: Path, link: Link) -> None:
    files = upload(link, find_data(data), nobody)
    assert [file.file for file in files] == ["train_toy1.txt", "train_toy2.txt", "validate_toy.txt"]
    for file in files:
        text = (data / file.file).read_bytes()
        assert (file.blob, file.size) == (blob_name(text), len(text))
        assert coordinator.fake.blobs.read(file.blob) == text


def test_what_is_held_is_not_sent_again(coordinator: Serving, data: Path, link: Link) -> None:
    upload(link, find_data(data), nobody)
    coordinator.fake.parts.clear()
    (data / "train_toy3.txt").write_text("9,9,1\n")
    upload(link, find_data(data), nobody)
    assert coordinator.fake.parts == [(blob_name(b"9,9,1\n"), 0, 6)]


def test_a_large_file_goes_in_parts_and_its_progress_is_told(coordinator: Serving, data: Path, link: Link) -> None:
    (data / "train_toy2.txt").write_bytes(LARGE)
    told: list[tuple[int, int]] = []
    upload(link, find_data(data), lambda have, total: told.append((have, total)))
    assert (blob_name(LARGE), PART_BYTES, 4000) in coordinator.fake.parts
    assert [have for have, _ in told] == sorted(have for have, _ in told)
    assert told[-1] == (told[-1][1], sum(path.stat().st_size for path in data.iterdir()))


def test_sending_goes_on_where_it_stopped(coordinator: Serving, data: Path, link: Link) -> None:
    coordinator.fake.blobs.put(blob_name(LARGE), len(LARGE), 0, LARGE[:PART_BYTES])
    (data / "train_toy2.txt").write_bytes(LARGE)
    upload(link, find_data(data), nobody)
    assert [part for part in coordinator.fake.parts if part[0] == blob_name(LARGE)] == [
        (blob_name(LARGE), PART_BYTES, 4000)
    ]


def test_a_file_that_shrinks_on_the_way_is_named(coordinator: Serving, data: Path, link: Link) -> None:
    path = data / "train_toy2.txt"
    path.write_bytes(LARGE)

    def shrink(have: int, total: int) -> None:
        if have > PART_BYTES:
            path.write_bytes(b"0,1\n")

    with pytest.raises(BadData, match=r"train_toy2\.txt: changed while it was sent"):
        upload(link, find_data(data), shrink)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="cannot be read: No such file"):
        describe(tmp_path / "train_toy1.txt")
