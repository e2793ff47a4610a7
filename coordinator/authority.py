"""What anybody may ask before it is known who it is: by whom this coordinator's certificate is vouched for."""

from __future__ import annotations

from rpc.server import Caller


class AuthorityCall:
    """A desk of the door."""

    def __init__(self, pem: bytes) -> None:
        """`pem` is the certificate of the coordinator's own authority; empty: it has none."""
        self._pem = pem

    def authority(self, caller: Caller) -> bytes:
        """Give that certificate, which is no secret."""
        return self._pem
