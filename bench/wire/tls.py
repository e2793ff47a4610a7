"""Roundhouse's transport inside TLS, with a certificate that `openssl` makes for the occasion."""

from __future__ import annotations

import socket
import ssl
import subprocess
import tempfile

from bench.wire.echo import Way
from bench.wire.serving import tell_address
from bench.wire.transport import answer, way_over
from rpc.sockets import listen
from rpc.tls import Tls

_HOST = "127.0.0.1"
_MAKE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=bench -addext"


def connect(address: str) -> Way:
    port, _, certificate = address.partition(" ")
    context = ssl.create_default_context(cafile=certificate)
    return way_over(socket.create_connection((_HOST, int(port))), Tls(context, _HOST))


def main() -> None:
    certificate, key = (f"{tempfile.gettempdir()}/{name}.pem" for name in ("certificate", "key"))
    made = [*_MAKE.split(), f"subjectAltName=IP:{_HOST}", "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = listen(_HOST, 0)
    tell_address(f"{listener.getsockname()[1]} {certificate}")
    answer(listener, Tls(context))


if __name__ == "__main__":
    main()
