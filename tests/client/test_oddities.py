"""Of many nodes those are shown that need a look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.oddities import odd_first
from rpc.messages import NodeRow

WELL = tuple(NodeRow(f"n{number}", "", "ready", speed=4.0) for number in range(30))


def shown(*odd: NodeRow, most: int = 5) -> list[str]:
    return [node.id for node in odd_first((*WELL, *odd), most)[0]]


def test_where_all_fit_they_stay_as_they_are() -> None:
    nodes = (*WELL, NodeRow("x", "", "lost"))
    assert odd_first(nodes, 31) == (nodes, ())


def test_lost_ones_come_first_then_those_on_their_way_out_then_slow_ones() -> None:
    odd = [NodeRow(state, "", state) for state in ("removed", "connecting", "draining", "quarantined", "lost")]
    odd.append(replace(WELL[0], id="slow", speed=1.0))
    assert shown(*odd, most=6) == ["lost", "quarantined", "draining", "connecting", "slow", "n0"]


@pytest.mark.parametrize("speed", [0.0, 2.5, 40.0])
def test_a_node_is_slow_only_far_below_the_others(speed: float) -> None:
    assert shown(replace(WELL[0], id="other", speed=speed)) == ["n0", "n1", "n2", "n3", "n4"]


def test_a_state_of_a_later_version_is_worth_a_look() -> None:
    assert shown(NodeRow("x", "", "sleeping"))[0] == "x"


def test_nobody_is_lost_from_the_lists() -> None:
    first, others = odd_first(WELL, 7)
    assert sorted(node.id for node in (*first, *others)) == sorted(node.id for node in WELL)
