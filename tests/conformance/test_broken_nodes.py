"""Every check finds the nodes that do otherwise, and says what they do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from compute_node.admission import Admission
from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from rpc.errors import ExitCode
from tests.compute_node.running import running
from tests.conformance.__main__ import CHECKS, flaw_of, main
from tests.conformance.broken import BROKEN, Break
from tests.conformance.calling import wait_idle
from tests.conformance.peer import Peer

BY_NAME = {check.__name__: check for check in CHECKS}
PATIENCE_S = 2.0


@pytest.fixture(scope="module")
def node() -> Iterator[ComputeNode]:
    with running(ComputeNode(NodeConfig(0, slots=2))) as node, Peer(*node.address) as peer:
        while not peer.greet("control")[1].numeric_classes:  # hello waits for the self-test, a second each time
            pass
        yield node


@pytest.fixture
def ended(node: ComputeNode) -> Iterator[None]:
    """What a broken node has left running is cancelled once it is whole again."""
    yield
    with Peer(*node.address, patience_s=PATIENCE_S) as peer:
        for attempt in (control := peer.control()).call("status").attempts:
            control.call("cancel_attempt", attempt, 0)
        wait_idle(peer)


@pytest.mark.parametrize(("name", "breaks", "words"), BROKEN, ids=[f"{name}-{words}" for name, _, words in BROKEN])
@pytest.mark.usefixtures("ended")
def test_a_broken_node_fails_the_check_and_is_told_what_is_wrong(
    node: ComputeNode, name: str, breaks: Break, words: str
) -> None:
    peer = partial(Peer, patience_s=PATIENCE_S)
    with pytest.MonkeyPatch.context() as patch:
        breaks(patch)
        flaw = flaw_of(BY_NAME[name], node.address, peer)
    assert words in flaw
    assert flaw_of(BY_NAME[name], node.address, peer) == "", "the same node, whole again"


def test_what_fails_is_told_among_what_passes(node: ComputeNode, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Admission, "load", 7.0)
        assert main([f"127.0.0.1:{node.address[1]}"]) == ExitCode.FAILED
    *lines, total = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("pass  ")] == [
        "FAIL  a heartbeat is answered: its load is 7.0"
    ]
    assert total == f"{len(CHECKS) - 1} of {len(CHECKS)} passed"


def test_every_check_is_shown_to_fail() -> None:
    assert {name for name, *_ in BROKEN} == set(BY_NAME)
