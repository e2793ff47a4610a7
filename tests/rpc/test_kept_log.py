"""A job's log: offsets stay true whatever is dropped, records stay whole, head and tail are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.errors import DiskFull
from rpc.kept_log import LEVELS, STREAMS, KeptLog, Record, records_of
from tests.rpc.read_only import read_only

RECORDS = st.builds(
    Record, st.integers(0, 1 << 50), st.sampled_from(sorted(STREAMS)), st.sampled_from(sorted(LEVELS)), st.text()
)


def line(number: int, size: int = 1000) -> bytes:
    return Record(number, "o", "i", "x" * (size - len(str(number)) - 5)).encoded()


def filled(folder: Path, lines: int) -> tuple[KeptLog, bytes]:
    """A log of so many lines of 1,000 bytes that keeps 2 MB at each end, and all that was ever in it."""
    log = KeptLog(folder / "log", head_bytes=2 << 20, tail_bytes=2 << 20)
    whole = b"".join(line(number) for number in range(lines))
    for start in range(0, len(whole), 50_000):
        log.append(whole[start : start + 50_000])
    return log, whole


def read_all(log: KeptLog, offset: int = 0) -> list[bytes]:
    pieces = []
    while (piece := log.read(offset, 64_000)).data:
        pieces.append(piece.data)
        offset = piece.next
    return pieces


@given(st.lists(RECORDS, max_size=5))
def test_records_come_back_as_they_were_with_their_line_breaks_visible(records: list[Record]) -> None:
    found = records_of(b"".join(record.encoded() for record in records))
    clean = [
        record._replace(text=record.text.replace("\r", "\\r").replace("\n", "\\n").encode("utf-8", "replace").decode())
        for record in records
    ]
    assert found == clean


def test_what_is_no_record_is_left_out() -> None:
    assert records_of(b"hello\n12 oi\n12 xi text\n12 oz text\n 12 oi text\n7 ei kept\n") == [
        Record(7, "e", "i", "kept")
    ]


def test_a_log_is_read_in_pieces_of_whole_records(tmp_path: Path) -> None:
    log, whole = filled(tmp_path, 100)
    pieces = read_all(log)
    assert b"".join(pieces) == whole
    assert len(pieces) == 2 and all(len(piece) % 1000 == 0 for piece in pieces)
    assert log.read(1, 10).start == 1000, "an offset inside a record goes on after it"
    assert log.read(-1500, 5000).data == whole[-1000:]
    assert log.read(-(10**9), 2000).data == whole[:2000]
    assert log.read(log.end, 10).data == b""
    assert log.read(99_500, 10).next == log.end


def test_a_piece_is_as_long_as_was_asked_for_whatever_files_it_is_in(tmp_path: Path) -> None:
    log, whole = filled(tmp_path, 3000)
    assert len([*(tmp_path / "log").iterdir()]) > 2
    assert log.read(0, 2_500_000).data == whole[:2_500_000]
    assert log.read(-1_500_500, 2_000_000).data == whole[-1_500_000:]
    assert [log.read(offset, 3000).data for offset in range(0, len(whole), 3000)] == [
        whole[start : start + 3000] for start in range(0, len(whole), 3000)
    ]


def test_of_a_long_log_head_and_tail_are_kept_and_offsets_stay_true(tmp_path: Path) -> None:
    log, whole = filled(tmp_path, 20_000)
    assert log.end == len(whole)
    kept = sum(file.stat().st_size for file in (tmp_path / "log").iterdir())
    assert 4 << 20 <= kept <= 7 << 20
    assert log.dropped_bytes == log.end - kept
    assert log.read(0, 64_000).data == whole[:64_000]
    head = log.read(0, 4 << 20)
    assert 2 << 20 <= len(head.data) < 4 << 20, "what is read ends before what is not kept"
    assert head.data == whole[: head.next]
    gap = log.read(len(whole) // 2, 64_000)
    assert gap.start > len(whole) // 2
    assert gap.data == whole[gap.start : gap.next]
    assert b"".join(read_all(log, gap.start)) == whole[gap.start :]
    assert log.end - gap.start >= 2 << 20


def test_a_log_that_was_closed_goes_on_where_its_last_whole_record_ended(tmp_path: Path) -> None:
    log, whole = filled(tmp_path, 3000)
    last = max((tmp_path / "log").iterdir(), key=lambda file: int(file.name))
    with last.open("ab") as file:
        file.write(b"12 oi half a rec")
    again = KeptLog(tmp_path / "log")
    assert again.end == log.end
    again.append(line(7))
    assert b"".join(read_all(again)) == whole + line(7)


def test_what_another_has_dropped_is_passed_over(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "log")
    log.append(line(1))
    log.append(line(9), at=9000)
    assert (log.end, log.dropped_bytes) == (10_000, 8000)
    assert log.read(0, 5000).data == line(1)
    assert (log.read(1000, 5000).start, log.read(1000, 5000).data) == (9000, line(9))
    assert KeptLog(tmp_path / "log").dropped_bytes == 8000


def test_a_record_above_the_limit_is_given_whole(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "log")
    log.append(line(1, 5000) + line(2))
    assert log.read(0, 100).data == line(1, 5000)


def test_an_empty_log_can_be_read_and_removed(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "log")
    assert (log.read(0, 10).data, log.read(-5, 10).next, log.end) == (b"", 0, 0)
    log.append(line(1))
    log.remove()
    assert not (tmp_path / "log").exists()
    assert log.end == 0


def test_a_log_on_a_read_only_disk_goes_on_when_it_can_be_written_to(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "disk" / "job")
    log.append(line(1))
    with read_only(tmp_path / "disk"):
        for refusing in (log, KeptLog(tmp_path / "disk" / "other")):
            with pytest.raises(DiskFull, match=r"the log .*: Read-only file system; make it writable"):
                refusing.append(line(2))
        assert read_all(log) == [line(1)]
    log.append(line(2))
    assert b"".join(read_all(log)) == line(1) + line(2)


def test_a_log_that_may_not_grow_keeps_nothing_of_what_does_not_fit(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    log = KeptLog(tmp_path / "job")
    log.append(line(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))  # the disk is full for a moment
    try:
        with pytest.raises(DiskFull, match="make room there"):
            log.append(line(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "job" / "0").read_bytes() == line(1)
    log.append(line(2))
    assert b"".join(read_all(log)) == line(1) + line(2)
