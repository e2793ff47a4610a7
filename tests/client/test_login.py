"""Logging in: a coordinator and its token are remembered for this user alone, and commands go there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.access import access_to
from client.api import connect
from client.link import default_server
from client.servers import KnownServer, forget, known_server, last_server, remember, servers_file
from rpc.errors import BadData, ExitCode, Unauthenticated
from rpc.tokens import make_token, write_token
from tests.client.conftest import RunClient
from tests.client.fake import Serving

TOKEN, OTHER = make_token().text, make_token().text


@pytest.fixture(autouse=True)
def of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    write_token(tmp_path / "token", TOKEN)
    return tmp_path / "token"


def test_commands_go_where_somebody_has_logged_in(
    coordinator: Serving, token_file: Path, run_client: RunClient
) -> None:
    coordinator.fake.wanted_token = TOKEN
    logged_in = run_client("login", coordinator.address, "--token-file", token_file)
    assert (logged_in.status, logged_in.err) == (ExitCode.DONE, "")
    assert logged_in.out == f"{coordinator.address}: logged in as submitter for ann; commands go there from now on\n"
    assert default_server() == coordinator.address
    assert run_client("status").status == ExitCode.DONE
    with connect() as session:
        assert session.server == coordinator.address
    assert run_client("logout", coordinator.address).status == ExitCode.DONE
    assert default_server() == "localhost:9095"
    assert run_client("status", "--server", coordinator.address).status == ExitCode.REFUSED
    assert run_client("logout", coordinator.address).status == ExitCode.FAILED


def test_a_token_that_is_refused_is_not_remembered(
    coordinator: Serving, token_file: Path, run_client: RunClient
) -> None:
    coordinator.fake.wanted_token = OTHER
    ended = run_client("login", coordinator.address, "--token-file", token_file)
    assert (ended.status, ended.out) == (ExitCode.REFUSED, "") and TOKEN not in ended.err
    assert not servers_file().exists()


def test_a_coordinator_that_wants_no_token_is_remembered_alone(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("login", coordinator.address, "--json")
    assert json.loads(ended.out) == {"server": coordinator.address, "role": "submitter", "owner": ""}
    assert known_server(coordinator.address) == KnownServer() and last_server() == coordinator.address


def test_without_a_terminal_nobody_is_asked_for_a_token(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.wanted_token = TOKEN
    assert run_client("login", coordinator.address).status == ExitCode.REFUSED


def test_what_is_remembered_is_its_users_alone(tmp_path: Path) -> None:
    remember("a:1", KnownServer(TOKEN))
    remember("b:2", KnownServer(OTHER))
    assert servers_file().is_relative_to(tmp_path) and servers_file().stat().st_mode & 0o777 == 0o600
    assert (known_server("a:1").token, known_server("b:2").token, last_server()) == (TOKEN, OTHER, "b:2")
    assert TOKEN not in repr(known_server("a:1"))
    assert forget("a:1") and last_server() == "b:2" and known_server("a:1") == KnownServer()
    assert forget("b:2") and last_server() == "" and not forget("b:2")
    assert [path.name for path in servers_file().parent.iterdir()] == ["servers.json"]


def test_what_a_later_version_remembers_besides_is_no_trouble() -> None:
    servers_file().parent.mkdir(parents=True)
    servers_file().write_text(json.dumps({"last": "a:1", "servers": {"a:1": {"token": TOKEN, "colour": "blue"}}}))
    assert known_server("a:1").token == TOKEN


@pytest.mark.parametrize("content", ["", "{", "[]", '{"last": ""}', "\x00"])
def test_a_damaged_file_is_named(content: str, coordinator: Serving, run_client: RunClient) -> None:
    servers_file().parent.mkdir(parents=True)
    servers_file().write_text(content)
    with pytest.raises(BadData, match="remove it and log in again"):
        known_server("a:1")
    ended = run_client("status", "--server", coordinator.address)
    assert ended.status == ExitCode.FAILED and "servers.json" in ended.err and ended.err.count("\n") == 1


def test_a_file_goes_before_a_variable_and_that_before_what_is_remembered(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered, of_variable = make_token().text, OTHER
    remember("a:1", KnownServer(remembered))
    assert access_to("a", 1).token == remembered and access_to("b", 2).token == ""
    monkeypatch.setenv("ROUNDHOUSE_TOKEN", of_variable)
    assert access_to("a", 1).token == of_variable
    assert access_to("a", 1, token_file=token_file).token == TOKEN


def test_work_is_the_owners_of_the_token(coordinator: Serving, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_TOKEN", TOKEN)
    coordinator.fake.wanted_token = TOKEN
    with connect(coordinator.address) as session:
        session.submit(data, rounds=2, epochs=3, hidden=4, eta=0.5)
        session.submit(data, rounds=2, epochs=3, hidden=4, eta=0.5, owner="bob")
    assert [spec.owner for spec in coordinator.fake.specs] == ["ann", "bob"]


def test_without_a_token_work_is_of_who_is_logged_in_on_this_machine(
    coordinator: Serving, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "carol")
    with connect(coordinator.address) as session:
        session.submit(data, rounds=2, epochs=3, hidden=4, eta=0.5)
    assert [spec.owner for spec in coordinator.fake.specs] == ["carol"]


def test_a_refused_session_leaves_nothing_open(coordinator: Serving) -> None:
    coordinator.fake.wanted_token = TOKEN
    with pytest.raises(Unauthenticated, match="show another token"):
        connect(coordinator.address)


def test_the_line_for_a_new_node_holds_a_token_of_its_own(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("join-command", "--server", coordinator.address, "--address", "[fd00::1]:9095")
    assert ended.out == "ROUNDHOUSE_TOKEN=rh_secret python compute_node.py --join [fd00::1]:9095\n"


@pytest.mark.parametrize("words", ["soon", "0d", "-1h", "2030-01-01"])
def test_how_long_a_token_holds_is_a_length_of_time(words: str, coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("token", "create", "--server", coordinator.address, "--expires", words)
    assert ended.status == ExitCode.USAGE
