"""Our node passes all checks; one that trains badly does not, nor does an address where nobody listens."""

from __future__ import annotations

import pytest

from rpc.errors import ExitCode
from tests.conformance.__main__ import flaw_of, main
from tests.conformance.checks import a_known_task_has_its_known_answer
from tests.conformance.peer import Peer
from tests.system.cluster import Program
from tests.system.test_faults import odd_node


def test_our_node_passes(capsys: pytest.CaptureFixture[str]) -> None:
    node = Program("compute_node.py", "0").serve()
    try:
        status = main([f"127.0.0.1:{node.port}"])
    finally:
        node.stop()
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines[:-1] if not line.startswith("pass  ")] == []
    assert status == ExitCode.DONE


@pytest.mark.parametrize(("kind", "wrong"), [("nan", "off by nan"), ("short", "weights"), ("constant", "off by 0.")])
def test_a_node_that_trains_badly_fails_where_the_answer_is_known(kind: str, wrong: str) -> None:
    node = odd_node(kind)
    try:
        assert wrong in flaw_of(a_known_task_has_its_known_answer, ("127.0.0.1", node.port))
    finally:
        node.stop()


def test_where_nobody_listens_every_check_fails_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["127.0.0.1:1"]) == ExitCode.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("0 of ") and all(line.startswith("FAIL") for line in lines[:-1])


def test_a_check_that_fails_without_words_fails() -> None:
    def speechless(peer: Peer) -> None:
        raise AssertionError

    assert flaw_of(speechless, ("127.0.0.1", 1)) == "it does otherwise"


def test_a_wrong_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["nowhere"]) == ExitCode.USAGE
    assert "HOST:PORT" in capsys.readouterr().err
