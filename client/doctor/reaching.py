"""The way to the coordinator, step by step: its name, a connection, TLS, the token, its version and clock."""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography import x509

from client.access import Access, access_to, trust_of
from client.doctor.deadlines import within
from client.doctor.settings import source_of_server, source_of_token
from client.link import Link, parse_server
from client.servers import known_server
from rpc.addresses import is_loopback
from rpc.errors import BadData, BadRequest, Forbidden, Refused, TrainerError, Unauthenticated, Unreachable
from rpc.findings import Finding, Level
from rpc.messages import HelloReply, Overview
from rpc.program import VERSION
from rpc.tls_options import trust_from
from rpc.tokens import id_of

_STEP_S = 5.0  # that a step may take
_PATIENCE_S = 4.0  # with one call or connection of it, so that it can say itself what took so long
_HELLO_S, _TLS_HELLO_S = 3.0, 1.5  # where one step tries both
_SOON_DAYS = 14
_APART_MS = 2000
_LATER = ("connection", "TLS", "token", "version", "clock")
# Of OpenSSL's X509_V_ERR_*: what the operator, or who calls, can do about it.
_NOT_YET, _EXPIRED = 9, 10
_UNKNOWN_ISSUER = (18, 19, 20, 21)
_OTHER_NAME = (62, 64)
_MUTUAL = "if it wants a certificate of yours: --tls-cert FILE; else look at its log"
_UNREACHED = "is the machine up, and does its firewall let the port through?"
_NONE_OF_OURS = "is it a coordinator of Roundhouse? if so, look at its log"
_SLOW = {
    "address": "the name server of this machine does not answer; give an IP address",
    "connection": _UNREACHED,
    "TLS": _NONE_OF_OURS,
    "token": _NONE_OF_OURS,
    "clock": "it is very busy; look at its log",
}


@dataclass(slots=True)
class Way:
    """How far somebody has come.

    Attributes:
        server: as it was asked for.
        access: what the coordinator is shown, once that is known.
        overview: how things stand there, once it has said so.
    """

    server: str
    args: argparse.Namespace
    host: str = ""
    port: int = 0
    access: Access | None = None
    overview: Overview | None = None
    found: list[Finding] = field(default_factory=list)

    @property
    def address(self) -> str:
        """As HOST:PORT; empty before they are known."""
        return f"{self.host}:{self.port}" if self.host else ""

    @property
    def stopped_at(self) -> str:
        """What was found to be bad; empty: nothing."""
        return next((each.about for each in self.found if each.level is Level.BAD), "")

    def link(self, timeout_s: float = _PATIENCE_S) -> Link:
        """A link to the coordinator, if `walk` has come so far."""
        assert self.access is not None
        return Link(self.host, self.port, timeout_s=timeout_s, patience_s=0.0, access=self.access)


def walk(args: argparse.Namespace) -> Way:
    """Go as far as one comes; what lies behind the first thing that is bad is said not to be looked at."""
    way = Way(args.server, args)
    for finding in _steps(way):
        way.found.append(finding)
        if finding.level is Level.BAD:
            looked_at = {each.about for each in way.found}
            rest = [about for about in _LATER if about not in looked_at]
            way.found += [Finding(about, Level.UNKNOWN, f"not looked at: {finding.about} first") for about in rest]
            break
    return way


def _steps(way: Way) -> Iterator[Finding]:
    yield _in_time("address", lambda: _address(way))
    yield _in_time("connection", lambda: _connection(way))
    yield _in_time("TLS", lambda: _tls(way))
    link = way.link()
    try:
        greeted: list[HelloReply] = []
        yield _in_time("token", lambda: _token(way, link, greeted))
        yield _version(greeted[0])
        yield _in_time("clock", lambda: _clock(way, link))
    finally:
        link.close()


def _in_time(about: str, look: Callable[[], Finding]) -> Finding:
    try:
        return within(_STEP_S, look)
    except TimeoutError:
        return Finding(about, Level.BAD, f"that took longer than {_STEP_S:g} s", _SLOW[about])


def _address(way: Way) -> Finding:
    try:
        way.host, way.port = parse_server(way.server)
        found = socket.getaddrinfo(way.host, way.port, type=socket.SOCK_STREAM)
        source = source_of_server(way.server)
    except BadRequest as error:
        return Finding("address", Level.BAD, str(error), "--server HOST:PORT, or ROUNDHOUSE_SERVER")
    except BadData as error:
        return Finding("logins", Level.BAD, str(error), "remove that file, and log in again")
    except (OSError, UnicodeError) as error:
        text = f"{way.host} is not known to this machine: {getattr(error, 'strerror', None) or error}"
        return Finding("address", Level.BAD, text, "check the name, or give its IP address")
    addresses = ", ".join(dict.fromkeys(str(each[4][0]) for each in found))
    return Finding("address", Level.OK, f"{way.server} ({addresses}), {source}")


def _connection(way: Way) -> Finding:
    began = time.monotonic()
    try:
        socket.create_connection((way.host, way.port), _PATIENCE_S).close()
    except ConnectionRefusedError:
        fix = f"start it there: python coordinator.py {way.port} load-balancing; or name another --server"
        return Finding("connection", Level.BAD, f"nobody serves at {way.server}", fix)
    except TimeoutError:
        return Finding("connection", Level.BAD, f"no answer from {way.server} within {_PATIENCE_S:g} s", _UNREACHED)
    except OSError as error:
        return Finding("connection", Level.BAD, f"{way.server}: {error.strerror or error}", "check host and port")
    return Finding("connection", Level.OK, f"made in {1e3 * (time.monotonic() - began):.0f} ms")


def _tls(way: Way) -> Finding:
    args = way.args
    try:
        given = trust_from(args)
        is_on = given.is_on or trust_of(os.environ).is_on or bool(known_server(way.address).authority)
        if is_on and not _speaks_tls(way, _PATIENCE_S):
            fix = "leave away --tls-ca and --tls-fingerprint, or start it with --tls auto"
            return Finding("TLS", Level.BAD, "it is called inside TLS, and does not speak it", fix)
        way.access = access_to(way.host, way.port, args.token_file, given)
    except BadData as error:
        about = "token" if "token" in str(error) else "TLS"
        return Finding(about, Level.BAD, str(error), "name a file that holds one")
    except Refused as error:
        return Finding("TLS", Level.BAD, str(error), "ask its operator for the fingerprint: `client.py join-command`")
    except BadRequest as error:
        return Finding("TLS", Level.BAD, str(error), "leave one of them away")
    except TrainerError as error:
        return Finding("TLS", Level.BAD, str(error), _MUTUAL)
    if way.access.tls is not None:
        return _handshake(way, way.access.tls)
    greets = _greets(way)
    if not greets and not _speaks_tls(way, _TLS_HELLO_S):
        return Finding("coordinator", Level.BAD, "it answers neither inside TLS nor without", _NONE_OF_OURS)
    if not greets:
        fix = f"client.py login {way.server} --tls-fingerprint SHA256; its operator has it of `join-command`"
        return Finding("TLS", Level.BAD, "it serves inside TLS, and is called without", fix)
    if is_loopback(way.host):
        return Finding("TLS", Level.OK, "none, and none is needed on this machine")
    return Finding("TLS", Level.NOTE, "none: whoever is on the way reads along", "start it with --tls auto")


def _handshake(way: Way, tls: ssl.SSLContext) -> Finding:
    try:
        with (
            socket.create_connection((way.host, way.port), _PATIENCE_S) as plain,
            tls.wrap_socket(plain, server_hostname=way.host) as inside,
        ):
            version, certificate = inside.version(), inside.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError as error:
        return Finding("TLS", Level.BAD, f"its certificate: {error.verify_message}", _fix_of(error.verify_code, way))
    except OSError as error:
        return Finding("TLS", Level.BAD, f"no agreement: {getattr(error, 'reason', None) or error}", _MUTUAL)
    left = _days_left(certificate)
    text = f"{version}, vouched for by whom you trust; its certificate is good for {left} days"
    if left < _SOON_DAYS:
        return Finding("TLS", Level.NOTE, text, "--tls auto renews it when the coordinator is started anew")
    return Finding("TLS", Level.OK, text)


def _fix_of(code: int, way: Way) -> str:
    if code in (_EXPIRED, _NOT_YET):
        return "compare the clocks; --tls auto makes a new one when the coordinator is started anew"
    if code in _OTHER_NAME:
        return f"start the coordinator with --tls-name {way.host}, or call it by a name that its certificate has"
    if code in _UNKNOWN_ISSUER:
        return f"client.py login {way.server} --tls-fingerprint SHA256, or --tls-ca FILE of whoever issued it"
    return "ask its operator"


def _days_left(certificate: bytes | None) -> int:
    assert certificate is not None
    until = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    return int((until.timestamp() - time.time()) // 86_400)


def _greets(way: Way) -> bool:
    """Whether something there answers a hello of ours, be it with a no: without a token, which all on the way could
    read if TLS is what it wants.
    """
    link = Link(way.host, way.port, timeout_s=_HELLO_S, patience_s=0.0)
    try:
        link.open()
    except TrainerError as error:
        return not isinstance(error, Unreachable)
    finally:
        link.close()
    return True


def _speaks_tls(way: Way, timeout_s: float) -> bool:
    """Whether something there answers a TLS hello; nothing is told to it."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((way.host, way.port), timeout_s) as plain, anybody.wrap_socket(plain):
            return True
    except OSError:
        return False


def _token(way: Way, link: Link, greeted: list[HelloReply]) -> Finding:
    source = source_of_token(way.args, way.address)
    try:
        greeted.append(link.greeted())
    except Unauthenticated as error:
        what = f"the one {source} is not taken" if source else "it wants one"
        fix = f"ask an admin for one (`client.py token create --role ROLE`), and client.py login {way.server}"
        return Finding("token", Level.BAD, f"{what}: {error}", fix)
    except Refused as error:
        return Finding("version", Level.BAD, str(error), f"install the same version everywhere; here is {VERSION}")
    except TrainerError as error:
        fix = _MUTUAL if link.is_secured else _NONE_OF_OURS
        return Finding("coordinator", Level.BAD, f"it does not greet: {error}", fix)
    if not source:
        return Finding("token", Level.OK, "none, and none is wanted")
    assert way.access is not None
    who = greeted[0].role or "anybody: no token is wanted there"
    of = f" for {greeted[0].owner}" if greeted[0].owner else ""
    return Finding("token", Level.OK, f"{id_of(way.access.token)} {source}: {who}{of}")


def _version(greeted: HelloReply) -> Finding:
    if greeted.version == VERSION:
        return Finding("version", Level.OK, f"{VERSION} here and there")
    text = f"{VERSION} here, {greeted.version or 'an unknown one'} there"
    return Finding("version", Level.NOTE, text, "install the same version everywhere")


def _clock(way: Way, link: Link) -> Finding:
    asked_ms = 1e3 * time.time()
    try:
        overview: Overview = link.call("glance", 0)
    except Forbidden as error:
        return Finding("clock", Level.UNKNOWN, str(error), "ask with a token of the role viewer, or one that may more")
    except TrainerError as error:
        return Finding("coordinator", Level.BAD, f"it does not tell how things stand: {error}", "look at its log")
    way.overview = overview
    if not overview.now_ms:
        return Finding("clock", Level.UNKNOWN, "the coordinator, an older one, does not tell the time")
    apart_ms = overview.now_ms - (asked_ms + 1e3 * time.time()) / 2
    if abs(apart_ms) < _APART_MS:
        return Finding("clock", Level.OK, f"{abs(apart_ms):.0f} ms apart")
    text = f"the coordinator's is {abs(apart_ms) / 1e3:.1f} s {'ahead of' if apart_ms > 0 else 'behind'} this one"
    return Finding("clock", Level.NOTE, text, "set both by NTP (timedatectl set-ntp true)")
