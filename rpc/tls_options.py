"""The options that say how a program secures its connections, and what they mean."""

from __future__ import annotations

import argparse
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import psutil

from rpc.argument_types import said
from rpc.errors import BadRequest
from rpc.trust import Serving, Trust, normal_fingerprint

_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)

Options = argparse.ArgumentParser | argparse._ArgumentGroup


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How a server secures what it serves: not at all, with certificates of its own making, or with given ones.

    Attributes:
        names: what it is called besides its addresses; for certificates of its own making.
    """

    is_auto: bool = False
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    names: tuple[str, ...] = ()

    @property
    def is_on(self) -> bool:
        return self.is_auto or self.certificate is not None

    def secured(self, folder: Path, host: str) -> Secured | None:
        """What is served with at `host`; `folder` keeps what is made.

        Raises:
            BadData: a file cannot be used.
            TrainerError: the folder cannot be used.
        """
        if self.certificate is not None:
            return Secured(Serving(self.certificate, self.key or self.certificate, self.client_ca), None)
        if not self.is_auto:
            return None
        from rpc.own_certificates import own_certificates  # 40 ms to load, for those who need it

        made = own_certificates(folder, [*_names_of(host), *self.names])
        return Secured(Serving(made.certificate, made.key, self.client_ca), made.authority)


@dataclass(frozen=True, slots=True)
class Secured:
    """What a server serves with, and the certificate of its own authority, if it has one."""

    serving: Serving
    authority: Path | None

    def authority_pem(self) -> bytes:
        """That certificate; empty if there is none."""
        return self.authority.read_bytes() if self.authority is not None else b""


def add_serving(parser: Options) -> None:
    """Add the options of a server that can make its own certificates."""
    parser.add_argument(
        "--tls", choices=("auto", "off"), default="off",
        help="auto: serve inside TLS, with certificates that are made in the data folder (default: off)",
    )  # fmt: skip
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve inside TLS with this certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (default: in the same file)")
    parser.add_argument(
        "--tls-name", action="append", default=[], metavar="NAME",
        help="with --tls auto: a name by which others call this machine; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--tls-client-ca", type=Path, metavar="FILE", help="serve only whom these certificates vouch for (PEM)"
    )


def add_trust(parser: Options) -> None:
    """Add the options of a program that calls a coordinator."""
    parser.add_argument(
        "--tls-ca", type=said, metavar="FILE", help="call inside TLS, and trust these certificates (PEM), or `system`"
    )
    parser.add_argument(
        "--tls-fingerprint", type=said, metavar="SHA256", help="the same for the authority that `join-command` tells of"
    )
    parser.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="a certificate to show (PEM), where one is wanted"
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (default: in the same file)")


def serving_from(args: argparse.Namespace) -> TlsSettings:
    """What the options of `add_serving` say; raises BadRequest if they contradict each other."""
    settings = TlsSettings(args.tls == "auto", args.tls_cert, args.tls_key, args.tls_client_ca, tuple(args.tls_name))
    check_serving(settings)
    return settings


def check_serving(settings: TlsSettings) -> None:
    """Raise BadRequest if the settings contradict each other."""
    if settings.is_auto and settings.certificate is not None:
        raise BadRequest("give --tls auto or --tls-cert, not both")
    if settings.key is not None and settings.certificate is None:
        raise BadRequest("--tls-key needs --tls-cert")
    if settings.client_ca is not None and not settings.is_on:
        raise BadRequest("--tls-client-ca needs --tls auto or --tls-cert")
    if settings.names and not settings.is_auto:
        raise BadRequest("--tls-name needs --tls auto; a given certificate has its names")


def trust_from(args: argparse.Namespace) -> Trust:
    """What the options of `add_trust` say; raises BadRequest if they contradict each other."""
    return checked_trust(Trust(args.tls_ca or "", args.tls_fingerprint or "", args.tls_cert, args.tls_key))


def checked_trust(trust: Trust) -> Trust:
    """The same; raises BadRequest if it contradicts itself."""
    if trust.ca and trust.fingerprint:
        raise BadRequest("give --tls-ca or --tls-fingerprint, not both")
    if trust.fingerprint and not _FINGERPRINT.fullmatch(normal_fingerprint(trust.fingerprint)):
        raise BadRequest(
            f"--tls-fingerprint {trust.fingerprint[:80]!r} is none: it has 64 hexadecimal digits; "
            "`client.py join-command` prints that of the coordinator"
        )
    if trust.key is not None and trust.certificate is None:
        raise BadRequest("--tls-key needs --tls-cert")
    if trust.certificate is not None and not trust.is_on:
        raise BadRequest("--tls-cert needs --tls-ca or --tls-fingerprint: without TLS nobody sees it")
    return trust


def _names_of(host: str) -> Iterator[str]:
    """What callers may call a server by that serves at `host`."""
    yield from ("localhost", "127.0.0.1", "::1", socket.gethostname())
    try:
        address = ip_address(host)
    except ValueError:
        yield host
        return
    if not address.is_unspecified:
        yield str(address)
        return
    for found in psutil.net_if_addrs().values():
        for each in found:
            if each.family in (socket.AF_INET, socket.AF_INET6) and "%" not in each.address:
                yield each.address
