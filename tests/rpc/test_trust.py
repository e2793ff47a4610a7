"""Whom a caller trusts: six kinds of servers that are not meant are refused in one line, and told nothing before."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rpc.client import Client
from rpc.errors import BadData, TrainerError, Unreachable
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.own_certificates import OwnCertificates, fingerprint_of, own_certificates
from rpc.server import Caller
from rpc.services import COORDINATOR
from rpc.trust import Serving, Trust, normal_fingerprint
from tests.rpc.conftest import Serve

SECRET = "rh_secret"
HELLO = Hello(PROTOCOL_VERSION, "client", token=SECRET)
NAMES = ("127.0.0.1", "localhost")


@pytest.fixture
def own(tmp_path: Path) -> OwnCertificates:
    return own_certificates(tmp_path / "own", NAMES)


class Listener:
    """A server that takes TLS connections and keeps what is said in them."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.heard = b""
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(10)
        self._listening.close()

    def _serve(self) -> None:
        sock, _ = self._listening.accept()
        sock.settimeout(5)
        try:
            stream = self._context.wrap_socket(sock, server_side=True) if self._context else sock
            self.heard = stream.recv(10_000)
            stream.close()
        except OSError:
            pass
        sock.close()


@contextmanager
def listening(context: ssl.SSLContext | None) -> Iterator[Listener]:
    listener = Listener(context)
    try:
        yield listener
    finally:
        listener.close()


def serving(certificates: OwnCertificates) -> ssl.SSLContext:
    return Serving(certificates.certificate, certificates.key).context()


def of_another_host(folder: Path) -> ssl.SSLContext:
    """A certificate of the right authority, for another name."""
    return serving(own_certificates(folder / "own", ("elsewhere.example",)))


def of_another_authority(folder: Path) -> ssl.SSLContext:
    return serving(own_certificates(folder / "other", NAMES))


def expired(folder: Path) -> ssl.SSLContext:
    made = own_certificates(folder / "own", ())
    made.certificate.unlink()
    return serving(own_certificates(folder / "own", NAMES, datetime.now(UTC) - timedelta(days=366)))


def vouching_for_itself(folder: Path) -> ssl.SSLContext:
    from tests.rpc.certificates import make_certificate

    return make_certificate(folder / "itself").serving()


def of_old_tls(folder: Path) -> ssl.SSLContext:
    context = serving(own_certificates(folder / "own", NAMES))
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def without_tls(folder: Path) -> None:
    return None


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (of_another_host, "certificate is not accepted: IP address mismatch"),
        (of_another_authority, "certificate is not accepted"),
        (expired, "certificate is not accepted: certificate has expired"),
        (vouching_for_itself, "certificate is not accepted: self-signed certificate"),
        (of_old_tls, "TLS|tls"),
        (without_tls, "without TLS|did not answer|TLS"),
    ],
)
def test_another_server_than_was_meant_is_refused_and_told_nothing(
    tmp_path: Path, own: OwnCertificates, make: Callable[[Path], ssl.SSLContext | None], complaint: str
) -> None:
    trusted = Trust(ca=str(own.authority)).context("127.0.0.1", 0)
    with listening(make(tmp_path)) as listener:
        client = Client("127.0.0.1", listener.port, COORDINATOR, timeout_s=3, tls=trusted)
        with pytest.raises(TrainerError) as refused, client:
            client.hello(HELLO)
    assert re.search(complaint, str(refused.value))
    assert "\n" not in str(refused.value)
    assert SECRET.encode() not in listener.heard


def test_the_server_that_is_meant_is_told(own: OwnCertificates) -> None:
    trusted = Trust(ca=str(own.authority)).context("127.0.0.1", 0)
    with listening(serving(own)) as listener:
        client = Client("127.0.0.1", listener.port, COORDINATOR, timeout_s=3, tls=trusted)
        with pytest.raises(Unreachable), client:  # it hangs up when it has heard it
            client.hello(HELLO)
    assert SECRET.encode() in listener.heard


@pytest.mark.parametrize("make", [lambda text: text.upper(), lambda text: ":".join(re.findall("..", text)), str])
def test_a_fingerprint_is_written_in_many_ways(own: OwnCertificates, make: Callable[[str], str]) -> None:
    known = fingerprint_of(own.authority.read_bytes())
    assert normal_fingerprint(make(known)) == known


def test_without_tls_nothing_is_trusted() -> None:
    assert Trust().context("127.0.0.1", 1) is None


@pytest.mark.parametrize("text", [b"nonsense", b"\xff\xfe", b""])
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(text)
    with pytest.raises(BadData, match=r"ca\.pem"):
        Trust(ca=str(path)).context("127.0.0.1", 1)
    with pytest.raises(BadData, match=r"ca\.pem"):
        Serving(path, path).context()


def test_a_key_of_another_certificate_is_named(tmp_path: Path, own: OwnCertificates) -> None:
    other = own_certificates(tmp_path / "other", NAMES)
    with pytest.raises(BadData, match=r"server\.pem and .*server\.key are no certificate and its key"):
        Serving(own.certificate, other.key).context()


class Impostor:
    """Answers who asks for its authority with the right one, which everybody may fetch, and its own behind it."""

    def __init__(self, *authorities: Path) -> None:
        self._authorities = authorities
        self.told: list[str] = []

    def authority(self, caller: Caller) -> bytes:
        return b"".join(each.read_bytes() for each in self._authorities)

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        self.told.append(hello.token)
        return HelloReply(PROTOCOL_VERSION, "coordinator")


def test_nothing_but_the_certificate_of_the_fingerprint_is_trusted(
    tmp_path: Path, own: OwnCertificates, serve: Serve
) -> None:
    theirs = own_certificates(tmp_path / "theirs", NAMES)
    impostor = Impostor(own.authority, theirs.authority)
    host, port = serve(lambda _: impostor, service=COORDINATOR, tls=serving(theirs)).address
    trusted = Trust(fingerprint=fingerprint_of(own.authority.read_bytes())).context(host, port)
    client = Client(host, port, COORDINATOR, timeout_s=3, tls=trusted)
    with pytest.raises(TrainerError, match="certificate is not accepted"), client:
        client.hello(HELLO)
    assert impostor.told == []
