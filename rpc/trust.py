"""Certificates as SSL contexts: what a server shows and demands, and whom a caller trusts. Never less than TLS 1.2."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from rpc.client import Client
from rpc.errors import BadData, ProtocolError, Refused
from rpc.services import COORDINATOR

SYSTEM = "system"
_FETCH_S = 10.0


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server shows, PEM files: its certificate with those above it, its key, and whom callers must be known to.

    Attributes:
        client_ca: certificates one of which must vouch for each caller's own; None: callers need none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises BadData if a file cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load_own(context, self.certificate, self.key)
        if self.client_ca is not None:
            _load_trusted(context, self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True, slots=True)
class Trust:
    """What a caller demands: that one of these vouches for the server, whose certificate names the host it called.

    Attributes:
        ca: a PEM file, or SYSTEM for what the system trusts; empty: `fingerprint` says which.
        fingerprint: SHA-256 of the server's authority, in hexadecimal; that is fetched from the server itself.
        certificate, key: what the caller shows where the server demands something.
    """

    ca: str = ""
    fingerprint: str = ""
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_on(self) -> bool:
        """Whether TLS is spoken at all."""
        return bool(self.ca or self.fingerprint)

    def context(self, host: str, port: int) -> ssl.SSLContext | None:
        """How a server there is called; None: without TLS.

        Raises:
            BadData: a file cannot be used.
            Refused: another authority stands behind that server than the fingerprint says.
            Unreachable, TimedOut, ProtocolError: it does not say who vouches for it.
        """
        if not self.is_on:
            return None
        return self.trusting(None if self.ca == SYSTEM else self.authority(host, port))

    def authority(self, host: str, port: int) -> str:
        """The certificates that are trusted, as PEM; raises as `context` does."""
        if self.ca:
            try:
                return Path(self.ca).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError) as error:
                raise BadData(f"{self.ca}: certificates to trust cannot be read ({error})") from error
        return fetch_authority(host, port, self._context(), self.fingerprint)

    def trusting(self, authority: str | None) -> ssl.SSLContext:
        """A context that trusts these certificates (PEM); None: those that the system trusts."""
        context = self._context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        try:
            if authority is None:
                context.load_default_certs()
            else:
                context.load_verify_locations(cadata=authority)
        except (ssl.SSLError, ValueError) as error:
            raise BadData(f"{self.ca or 'what came'}: no certificates to trust (PEM)") from error
        return context

    def _context(self) -> ssl.SSLContext:
        """One that trusts anybody: of use only to ask for what everybody may know."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            _load_own(context, self.certificate, self.key or self.certificate)
        return context


def fetch_authority(host: str, port: int, context: ssl.SSLContext, fingerprint: str) -> str:
    """Return the authority of the coordinator there, as PEM, if it has this fingerprint.

    Nothing is told to the server before: it may be anybody.

    Raises:
        Refused: it is another one.
        Unreachable, TimedOut, ProtocolError: nobody there answers in TLS.
    """
    from rpc.own_certificates import fingerprint_of, first_of  # 40 ms to load, for those who need it

    with Client(host, port, COORDINATOR, timeout_s=_FETCH_S, tls=context) as client:
        came = bytes(client.call("authority"))
    if not came:
        raise ProtocolError(f"{host}:{port} has no authority of its own to be known by; give --tls-ca")
    found = fingerprint_of(came)
    if found != normal_fingerprint(fingerprint):
        raise Refused(
            f"the authority of {host}:{port} has the fingerprint {found}, not {normal_fingerprint(fingerprint)}: it is "
            "another server than was meant, or its certificates were made anew; ask its operator for the new line "
            "(client.py join-command)"
        )
    return first_of(came)  # what may stand behind it nobody has vouched for


def normal_fingerprint(text: str) -> str:
    """A fingerprint as we write it; others put colons between bytes."""
    return text.replace(":", "").removeprefix("sha256").strip().lower()


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        why = (error.reason or str(error)).lower().replace("_", " ")
        raise BadData(
            f"{certificate} and {key} are no certificate and its key (PEM, without a password): {why}"
        ) from error
    except OSError as error:
        raise BadData(f"{error.filename or certificate}: cannot be read: {error.strerror}") from error


def _load_trusted(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise BadData(f"{path}: no certificates (PEM): {error.reason}") from error
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}") from error
