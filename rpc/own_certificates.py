"""Certificates that Roundhouse makes for itself: an authority, and what it vouches for, as files in one folder.

X.509 as RFC 5280 profiles it, with keys on the curve P-256: an authority for ten years, and a certificate for one,
which is made anew when it is about to end or the server has other names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rpc.errors import BadData, TrainerError

_AUTHORITY_LASTS = timedelta(days=3650)
_LASTS = timedelta(days=365)
_RENEWED = timedelta(days=30)  # before its end
_BACK = timedelta(hours=1)  # clocks differ

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class OwnCertificates:
    """Where they are.

    Attributes:
        authority: the certificate that others are told to trust.
        certificate: of the server, with the authority's behind it.
        key: of the server; nobody else may read it.
    """

    authority: Path
    certificate: Path
    key: Path


def own_certificates(folder: Path, names: Iterable[str], now: datetime | None = None) -> OwnCertificates:
    """Make the authority and a certificate for these host names and addresses, or take those that are there.

    Raises:
        BadData: what is there is no certificate, or no key.
        TrainerError: the folder cannot be used.
    """
    now = now or datetime.now(UTC)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, its_key = _authority(folder, now)
        made = OwnCertificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
        wanted = list(dict.fromkeys(names))
        if not _lasts(made, wanted, authority, now):
            _issue(made, wanted, (authority, its_key), now)
    except OSError as error:
        raise TrainerError(f"{folder}: certificates cannot be kept there: {error.strerror}") from error
    return made


def fingerprint_of(certificate: bytes) -> str:
    """SHA-256 of a certificate, which is PEM, the first one if there are several; 64 hexadecimal digits.

    Raises:
        BadData: it is none.
    """
    return _read(certificate, "what came").fingerprint(hashes.SHA256()).hex()


def first_of(certificates: bytes) -> str:
    """The certificate of which `fingerprint_of` tells, as PEM, without whatever else is there; raises as it does."""
    return _read(certificates, "what came").public_bytes(serialization.Encoding.PEM).decode("ascii")


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, Key]:
    path, key_path = folder / "authority.pem", folder / "authority.key"
    if path.exists() or key_path.exists():
        return _read(path.read_bytes(), path), _read_key(key_path)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Roundhouse authority")
    usage = x509.KeyUsage(False, False, False, False, False, key_cert_sign=True, crl_sign=True, encipher_only=False,
                          decipher_only=False)  # fmt: skip
    made = (
        _builder(name, name, key, now, _AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_path, key)
    _write(path, made.public_bytes(serialization.Encoding.PEM), 0o644)
    return made, key


def _issue(made: OwnCertificates, names: list[str], authority: tuple[x509.Certificate, Key], now: datetime) -> None:
    above, its_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, key_cert_sign=False, crl_sign=False, encipher_only=False,
                          decipher_only=False)  # fmt: skip
    above_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(its_key.public_key())
    certificate = (
        _builder(_name("Roundhouse coordinator"), above.subject, key, now, _LASTS)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(above_id, critical=False)
        .sign(its_key, hashes.SHA256())
    )
    _write_key(made.key, key)
    chain = [each.public_bytes(serialization.Encoding.PEM) for each in (certificate, above)]
    _write(made.certificate, b"".join(chain), 0o644)


def _lasts(made: OwnCertificates, names: list[str], authority: x509.Certificate, now: datetime) -> bool:
    """Whether the certificate that is there will do."""
    if not (made.certificate.exists() and made.key.exists()):
        return False
    found = _read(made.certificate.read_bytes(), made.certificate)
    said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    is_ours = found.issuer == authority.subject and found.not_valid_after_utc - now > _RENEWED
    same_key = found.public_key() == _read_key(made.key).public_key()
    return is_ours and same_key and set(said) == {_general(name) for name in names}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + lasts)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _read(text: bytes, what: object) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text)
    except ValueError as error:
        raise BadData(f"{what}: no certificate (PEM)") from error


def _read_key(path: Path) -> Key:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise BadData(f"{path}: no private key without a password (PEM)") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadData(f"{path}: another kind of key than Roundhouse makes; move the folder away to have all made anew")
    return key


def _write_key(path: Path, key: Key) -> None:
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    _write(path, key.private_bytes(serialization.Encoding.PEM, *plain), 0o600)


def _write(path: Path, text: bytes, mode: int) -> None:
    """Whole or not at all; never readable by more than it should be, not for a moment."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
