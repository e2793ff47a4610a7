"""Tests of rules that hold for the whole tree: what the IDL and the code never contain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rpc.services import COMPUTE_NODE, COORDINATOR

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("rpc", "coordinator", "compute_node", "client", "mlcore", "roundhouse")


def sources() -> list[Path]:
    return [path for folder in PROGRAMS for path in (ROOT / folder).rglob("*.py")]


def test_the_idl_has_no_oneway_and_no_recursive_type() -> None:
    idl = (ROOT / "idl" / "trainer.thrift").read_text()
    assert not re.search(r"\boneway\b", idl)
    for name, body in re.findall(r"struct (\w+) \{(.*?)\n\}", idl, re.DOTALL):
        assert not re.search(rf"\b{name}\b", re.sub(r"//.*", "", body)), name


@pytest.mark.parametrize(
    "word", ["TSimpleServer", "TThreadPoolServer", "TNonblockingServer", "TForkingServer", "pickle"]
)
def test_what_cannot_be_trusted_is_used_nowhere(word: str) -> None:
    assert len(sources()) > 20
    assert [path for path in sources() if re.search(rf"\b{word}\b", path.read_text())] == []


def test_the_wire_imports_no_program() -> None:
    for path in (ROOT / "rpc").glob("*.py"):
        assert not re.search(
            r"^(from|import) (coordinator|compute_node|client|web)\b", path.read_text(), re.MULTILINE
        ), path


def test_a_method_of_both_services_has_one_signature() -> None:
    both = COMPUTE_NODE.methods.keys() & COORDINATOR.methods.keys()
    assert both == {"hello", "put_blob", "get_blob"}
    for name in both:
        one, other = COMPUTE_NODE.methods[name], COORDINATOR.methods[name]
        assert (list(one.arguments.items()), one.result) == (list(other.arguments.items()), other.result)


def test_no_list_of_structs_can_come_before_hello() -> None:
    for service in (COMPUTE_NODE, COORDINATOR):
        for method in service.methods.values():
            if method.before_hello:
                assert not any("tuple" in str(hint) for hint in method.arguments.values()), method.name
