"""Peers that vanish without a word, in a network of their own: in time nothing is left of them."""

from __future__ import annotations

from pathlib import Path

from tests.system.own_network import run_alone


def test_nothing_is_left_of_peers_that_vanish(tmp_path: Path) -> None:
    run_alone("tests.system.vanishing", str(tmp_path), needs=("ip", "iptables"))
