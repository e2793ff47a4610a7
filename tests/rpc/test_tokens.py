"""Tokens cannot be guessed, and nothing tells them: no message, no error, nothing that is kept of them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.errors import BadData, Unauthenticated
from rpc.messages import Hello, Token
from rpc.tokens import digest_of, find_token, id_of, is_same, make_token, read_token, write_token

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_no_two_tokens_have_anything_in_common() -> None:
    made = [make_token() for _ in range(200)]
    assert len({token.id for token in made}) == len({token.text[14:57] for token in made}) == 200
    assert all(id_of(token.text) == token.id and len(token.text) == 63 for token in made)


@given(st.integers(0, 62), st.sampled_from(DIGITS + "_- "))
def test_one_wrong_character_is_noticed(place: int, digit: str) -> None:
    token = make_token().text
    wrong = token[:place] + digit + token[place + 1 :]
    if wrong == token:
        return
    with pytest.raises(Unauthenticated, match="not copied whole") as refused:
        id_of(wrong)
    assert token[14:57] not in str(refused.value)


@given(st.text(max_size=80))
def test_what_is_no_token_is_none(text: str) -> None:
    with pytest.raises(Unauthenticated):
        id_of(text)
    assert not is_same(text, digest_of(make_token().text))


def test_what_is_kept_of_a_token_recognizes_it_alone() -> None:
    token, other = make_token().text, make_token().text
    assert is_same(token, digest_of(token)) and not is_same(other, digest_of(token))
    assert token[14:57] not in digest_of(token) and len(digest_of(token)) == 64


def test_no_message_shows_a_token_to_a_log() -> None:
    token = make_token()
    hello = Hello(1, "client", token=token.text)
    for shown in (repr(hello), repr(token), str(token), repr(Token("id", "admin", secret=token.text))):
        assert token.text[14:57] not in shown


def test_a_file_goes_before_a_variable_that_names_one_and_that_before_the_token_itself(tmp_path: Path) -> None:
    tokens = [make_token().text for _ in range(3)]
    write_token(tmp_path / "first", tokens[0])
    write_token(tmp_path / "second", tokens[1])
    environ = {"ROUNDHOUSE_TOKEN_FILE": str(tmp_path / "second"), "ROUNDHOUSE_TOKEN": f" {tokens[2]}\n"}
    assert find_token(tmp_path / "first", environ) == tokens[0]
    assert find_token(None, environ) == tokens[1]
    assert find_token(None, {"ROUNDHOUSE_TOKEN": environ["ROUNDHOUSE_TOKEN"]}) == tokens[2]
    assert find_token(None, {}) == ""


def test_a_token_is_written_for_its_owner_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, token = tmp_path / "token", make_token().text
    path.write_text("an old one that everybody may read")
    path.chmod(0o644)
    write_token(path, token)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_token(path) == token and not caplog.records


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_file_that_others_may_read_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, token = tmp_path / "token", make_token().text
    path.write_text(token + "\n")
    path.chmod(0o640)
    with caplog.at_level(logging.WARNING):
        assert read_token(path) == token
    assert "chmod 600" in caplog.text and token not in caplog.text


@pytest.mark.parametrize("content", ["", "\n\n", "none of ours", "rh_" + "x" * 60, "\udcff\udcfe"])
def test_a_file_without_a_token_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(BadData, match=str(path)) as refused:
        read_token(path)
    assert not content.strip() or content.strip() not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="nowhere: the token cannot be read"):
        find_token(tmp_path / "nowhere", {})
    with pytest.raises(BadData, match="the token cannot be written"):
        write_token(tmp_path / "nowhere" / "token", make_token().text)
