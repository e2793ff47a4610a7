"""Certificates for tests, made by `openssl` when they are needed."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_MAKE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=test -addext"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that vouches for itself, and its key."""

    certificate: Path
    key: Path

    def serving(self) -> ssl.SSLContext:
        """What a server with this certificate uses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def calling(self) -> ssl.SSLContext:
        """What a caller uses who trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.certificate)


def make_certificate(folder: Path, names: str = "IP:127.0.0.1") -> Certificate:
    """Make one for these names."""
    folder.mkdir()
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = [*_MAKE.split(), f"subjectAltName={names}", "-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return made
