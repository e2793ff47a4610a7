"""The result value of a job: whatever a program leaves as its result.json."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.job_results import MOST_BYTES, value_of
from rpc.blobs import BlobFolder
from rpc.messages import DataFile, ScriptEnd

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)


def value(left: bytes, name: str = "result.json") -> str:
    with TemporaryDirectory() as folder:
        blobs = BlobFolder(Path(folder))
        file = DataFile(name, blobs.store(left), len(left))
        return value_of(ScriptEnd(0, artifacts=(DataFile("model.bin", "sha256:0", 1), file)), blobs)


@settings(deadline=None)  # a disk of many users
@given(JSON)
def test_what_is_json_and_small_is_the_value(found: object) -> None:
    text = value(json.dumps(found, indent=2).encode())
    assert text == "" or (json.loads(text) == found and len(text) <= MOST_BYTES and text.isascii())


@pytest.mark.parametrize(
    "left",
    [b"", b"{", b"NaN", b'{"loss": Infinity}', b"1e999", b"\xff\xfe", b"[" * 50_000, b'"' + b"x" * MOST_BYTES + b'"'],
)
def test_all_else_is_an_artifact_and_no_value(left: bytes) -> None:
    assert value(left) == ""


def test_only_the_file_of_that_name_counts() -> None:
    assert value(b"1", "deep/result.json") == "" and value(b" 1 ") == "1"


def test_a_job_that_leaves_nothing_has_none(tmp_path: Path) -> None:
    assert value_of(ScriptEnd(0), BlobFolder(tmp_path)) == ""
