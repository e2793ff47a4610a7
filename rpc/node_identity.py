"""Who a node is: an identity that follows from a secret key, so that whoever shows the key has the identity."""

from __future__ import annotations

from hashlib import sha256

KEY_BYTES = 32


def identity_of(key: bytes) -> str:
    """Return the identity of the node with this key."""
    return f"node-{sha256(b'roundhouse node ' + key).hexdigest()[:16]}"
