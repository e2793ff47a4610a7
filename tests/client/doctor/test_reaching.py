"""Each step on the way to a coordinator, and what is said where somebody stumbles on it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client.doctor.deadlines import within
from client.doctor.reaching import walk
from client.servers import servers_file
from rpc.findings import Finding, Level
from rpc.messages import PROTOCOL_VERSION
from rpc.own_certificates import OwnCertificates, own_certificates
from rpc.tokens import make_token
from rpc.trust import Serving as Shown
from tests.client.fake import Serving, serving

HERE = ("127.0.0.1", "localhost")


@pytest.fixture(autouse=True)
def nobody_in_particular(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TOKEN", "TOKEN_FILE", "TLS_CA", "TLS_FINGERPRINT", "SERVER"):
        monkeypatch.delenv(f"ROUNDHOUSE_{name}", raising=False)


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "blobs") as served:
        yield served


def found(server: str, **said: object) -> dict[str, Finding]:
    arguments = {"token_file": None, "tls_ca": "", "tls_fingerprint": "", "tls_cert": None, "tls_key": None} | said
    return {each.about: each for each in walk(Namespace(server=server, **arguments)).found}


@contextmanager
def inside_tls(made: OwnCertificates, client_ca: Path | None = None) -> Iterator[str]:
    """Something that shakes hands and then is silent."""
    context = Shown(made.certificate, made.key, client_ca).context()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    sock, _ = listening.accept()
                    sock.settimeout(6)
                    with sock, suppress(OSError), context.wrap_socket(sock, server_side=True) as inside:
                        while inside.recv(4096):
                            pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_where_all_is_well_each_step_says_so(coordinator: Serving) -> None:
    coordinator.fake.nodes = replace(coordinator.fake.nodes, now_ms=round(1000 * time.time()))
    steps = found(coordinator.address)
    assert {about: each.level for about, each in steps.items()} == dict.fromkeys(
        ("address", "connection", "TLS", "token", "version", "clock"), Level.OK
    )
    assert steps["token"].text == "none, and none is wanted"


@pytest.mark.parametrize(
    ("server", "about", "text"),
    [
        ("nonsense", "address", "is not HOST:PORT"),
        ("no-such-host.invalid:9095", "address", "no-such-host.invalid is not known to this machine"),
        ("127.0.0.1:1", "connection", "nobody serves at 127.0.0.1:1"),
    ],
)
def test_what_lies_behind_the_first_fault_is_not_looked_at(server: str, about: str, text: str) -> None:
    steps = found(server)
    assert steps[about].level is Level.BAD and text in steps[about].text and steps[about].fix
    assert steps["clock"] == Finding("clock", Level.UNKNOWN, f"not looked at: {about} first")


def test_a_token_that_is_wanted_wrong_or_right(coordinator: Serving, tmp_path: Path) -> None:
    right, wrong = make_token(), make_token()
    coordinator.fake.wanted_token = right.text
    assert found(coordinator.address)["token"].text.startswith("it wants one: ")
    file = tmp_path / "token"
    for text, level, said in (
        (wrong.text, Level.BAD, f"the one of {file} is not taken: "),
        ("rh_cut", Level.BAD, "there is no token"),
        (right.text, Level.OK, f"{right.id} of {file}: submitter for ann"),
    ):
        file.write_text(text)
        file.chmod(0o600)
        step = found(coordinator.address, token_file=file)["token"]
        assert step.level is level, step
        assert said in step.text or "token" in step.text
        assert text not in step.text or text == "rh_cut"


def test_another_protocol_or_version_is_told(coordinator: Serving) -> None:
    coordinator.fake.protocol = PROTOCOL_VERSION + 1
    step = found(coordinator.address)["version"]
    assert step.level is Level.BAD and "install the same version" in step.fix


@pytest.mark.parametrize(("ahead_s", "said"), [(3600, "ahead of"), (-90, "behind")])
def test_clocks_that_are_apart_are_told(coordinator: Serving, ahead_s: int, said: str) -> None:
    coordinator.fake.nodes = replace(coordinator.fake.nodes, now_ms=round(1000 * (time.time() + ahead_s)))
    step = found(coordinator.address)["clock"]
    assert step.level is Level.NOTE and f"s {said} this one" in step.text
    assert abs(float(step.text.split()[3]) - abs(ahead_s)) < 2


def test_tls_on_one_side_alone_is_told(coordinator: Serving, tmp_path: Path) -> None:
    made = own_certificates(tmp_path / "own", HERE)
    assert "does not speak it" in found(coordinator.address, tls_ca=str(made.authority))["TLS"].text
    with inside_tls(made) as server:
        step = found(server)["TLS"]
        assert step.level is Level.BAD and "serves inside TLS, and is called without" in step.text


@pytest.mark.parametrize(
    ("names", "age_days", "others", "said", "fix"),
    [
        (HERE, 0, False, "", ""),
        (("elsewhere.example",), 0, False, "IP address mismatch", "--tls-name 127.0.0.1"),
        (HERE, 0, True, "self-signed certificate in certificate chain", "--tls-fingerprint"),
        (HERE, 9000, False, "expired", "compare the clocks"),
    ],
)
def test_a_certificate_and_what_is_wrong_with_it(
    names: tuple[str, ...], age_days: int, others: bool, said: str, fix: str, tmp_path: Path
) -> None:
    made = own_certificates(tmp_path / "own", names, datetime.now(UTC) - timedelta(days=age_days))
    trusted = own_certificates(tmp_path / "others", HERE) if others else made
    with inside_tls(made) as server:
        step = found(server, tls_ca=str(trusted.authority))["TLS"]
    if said:
        assert step.level is Level.BAD and said in step.text and fix in step.fix, step
    else:
        assert step.level is Level.OK and step.text.startswith("TLSv1.3, vouched for")


def test_trust_that_cannot_be_read_is_told(coordinator: Serving, tmp_path: Path) -> None:
    made = own_certificates(tmp_path / "own", HERE)
    with inside_tls(made) as server:
        step = found(server, tls_ca=str(tmp_path / "none"))["TLS"]
    assert step.level is Level.BAD and "cannot be read" in step.text


def test_something_else_is_no_coordinator(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    sock, _ = listening.accept()
                    with sock:
                        sock.sendall(b"SSH-2.0-x\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        steps = found(f"127.0.0.1:{listening.getsockname()[1]}")
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert steps["coordinator"].level is Level.BAD, steps


def test_contexts_of_tests_are_as_strict_as_ours(tmp_path: Path) -> None:
    made = own_certificates(tmp_path / "own", HERE)
    assert Shown(made.certificate, made.key).context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_who_never_says_a_word_is_given_up_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        for said, about in (({}, "coordinator"), ({"tls_fingerprint": 64 * "0"}, "TLS")):
            began = time.monotonic()
            steps = found(server, **said)
            assert time.monotonic() - began < 6
            assert steps[about].level is Level.BAD and steps[about].fix, steps


def test_who_shakes_hands_and_never_says_whom_it_is_vouched_for_by_is_given_up_too(tmp_path: Path) -> None:
    with inside_tls(own_certificates(tmp_path / "own", HERE)) as server:
        began = time.monotonic()
        step = found(server, tls_fingerprint=64 * "0")["TLS"]
        assert time.monotonic() - began < 6
    assert step.level is Level.BAD and step.text == "that took longer than 5 s" and step.fix


def test_a_certificate_of_the_caller_that_is_wanted_is_told_of(tmp_path: Path) -> None:
    made = own_certificates(tmp_path / "own", HERE)
    with inside_tls(made, made.authority) as server:
        steps = found(server, tls_ca=str(made.authority))
    assert steps["coordinator"].level is Level.BAD and "--tls-cert FILE" in steps["coordinator"].fix, steps


def test_options_that_contradict_each_other_are_told(coordinator: Serving, tmp_path: Path) -> None:
    step = found(coordinator.address, tls_ca="a", tls_fingerprint="b")["TLS"]
    assert step == Finding("TLS", Level.BAD, "give --tls-ca or --tls-fingerprint, not both", "leave one of them away")


def test_logins_that_cannot_be_read_are_a_finding(coordinator: Serving, tmp_path: Path) -> None:
    file = servers_file()
    file.parent.mkdir(parents=True)
    file.write_text("{")
    step = found(coordinator.address)["logins"]
    assert step.level is Level.BAD and str(file) in step.text and step.fix


def test_what_a_name_server_never_answers_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        within(0.1, threading.Event().wait)
    with pytest.raises(ValueError, match="no"):
        within(5, lambda: int("no"))
    assert within(5, lambda: 7) == 7


def test_a_token_is_not_told_before_it_is_known_whether_tls_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDHOUSE_TOKEN", token := make_token().text)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    sock, _ = listening.accept()
                    with sock, suppress(OSError):
                        sock.settimeout(6)
                        heard.append(sock.recv(4096))

        thread = threading.Thread(target=listen)
        thread.start()
        steps = found(f"127.0.0.1:{listening.getsockname()[1]}")
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert steps["coordinator"].level is Level.BAD
    assert any(heard) and token.encode() not in b"".join(heard)
