"""Text of others never breaks a line or commands a terminal."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.errors import ExitCode, NotFound
from rpc.plain_text import plain
from rpc.program import exit_status, set_up_logging

HOSTILE = "n1\nclient: \x1b[31mall is well\x1b[0m\r\u202e\u2028\x9b2J\udcff"


@pytest.mark.parametrize("text", ["", "run-7 of ann", "Zürich 東京", "a\u00a0b", "C:\\new"])
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert plain(HOSTILE) == (
        r"n1\nclient: \x1b[31mall is well\x1b[0m\r\u202e\u2028\x9b2J\udcff"
    )  # fmt: skip


@given(st.text(st.characters(codec=None)))
def test_no_text_breaks_a_line(text: str) -> None:
    shown = plain(text)
    assert len(shown.splitlines()) <= 1 and "\x1b" not in shown
    assert plain(shown) == shown
    shown.encode()


def test_an_error_is_one_line_whatever_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> int:
        raise NotFound(HOSTILE)

    assert exit_status("client", body) == ExitCode.FAILED
    assert capsys.readouterr().err == f"client: {plain(HOSTILE)}\n"


def test_a_line_of_the_log_is_one_line_whatever_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        set_up_logging("info", None)
        logging.getLogger("coordinator").info("node %s: ready", HOSTILE)
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
    assert capsys.readouterr().err.endswith(f"INFO coordinator: node {plain(HOSTILE)}: ready\n")
