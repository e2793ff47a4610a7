"""Tokens guessed from another machine: few are looked at, and others are served as before."""

from __future__ import annotations

from pathlib import Path

from tests.system.own_network import run_alone


def test_who_guesses_tokens_is_not_heard_for_long(tmp_path: Path) -> None:
    run_alone("tests.system.guessing", str(tmp_path), needs=("ip",))
