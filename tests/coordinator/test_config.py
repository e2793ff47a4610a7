"""The list of nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.config import read_nodes
from rpc.errors import BadData


def test_addresses_are_read_line_by_line_and_remarks_are_skipped(tmp_path: Path) -> None:
    listed = tmp_path / "nodes.txt"
    listed.write_text("# two nodes\nlocalhost,9091\n\n 10.0.0.7 , 9092 \r\n::1,9093")
    assert read_nodes(listed) == (("localhost", 9091), ("10.0.0.7", 9092), ("::1", 9093))


@pytest.mark.parametrize(
    "line", ["localhost", "localhost,", ",9091", "localhost,0", "localhost,65536", "a,b", "a,-1", "a,9²"]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    listed = tmp_path / "nodes.txt"
    listed.write_text(f"localhost,9091\n{line}\n")
    with pytest.raises(BadData, match=r"nodes\.txt:2: .*write host,port"):
        read_nodes(listed)


def test_a_node_listed_twice_is_named(tmp_path: Path) -> None:
    listed = tmp_path / "nodes.txt"
    listed.write_text("a,1\nb,2\na,1\n")
    with pytest.raises(BadData, match=r"nodes\.txt:3: .*twice"):
        read_nodes(listed)
