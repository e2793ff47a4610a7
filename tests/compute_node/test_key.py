"""A key file is made once, and only ever read afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute_node.key import node_key
from rpc.errors import BadData
from rpc.node_identity import KEY_BYTES, identity_of


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "node.key"
    key = node_key(path)
    assert len(key) == KEY_BYTES
    assert node_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in path.parent.iterdir()] == ["node.key"]


def test_other_keys_have_other_identities(tmp_path: Path) -> None:
    identities = {identity_of(node_key(tmp_path / name)) for name in ("a", "b")}
    assert len(identities) == 2
    assert all(name.startswith("node-") and len(name) == 21 for name in identities)


@pytest.mark.parametrize("text", ["", "no key", "00" * (KEY_BYTES - 1), "\u00e4"])
def test_a_file_that_is_no_key_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "node.key"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match="key of a node"):
        node_key(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BadData, match="choose another --key-file"):
        node_key(blocked / "node.key")
