"""Tokens, by which programs and people say who they are: how one is made, checked for slips, kept, read from a file.

A token is `rh_ID_SECRET` with a CRC-32 behind it: one that was mistyped is refused by whoever reads it. What is kept of
it is the SHA-256 of the whole, which is no secret: 256 random bits need no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from secrets import choice
from typing import NamedTuple
from zlib import crc32

from rpc.addresses import is_loopback
from rpc.errors import BadData, Unauthenticated

WITHHELD = (
    "the token was not told, as all on the way could read it without TLS; name whom to trust with --tls-fingerprint or"
    " --tls-ca, as `client.py join-command` on its machine says"
)
FILE_VARIABLE = "ROUNDHOUSE_TOKEN_FILE"
VARIABLE = "ROUNDHOUSE_TOKEN"

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID, _SECRET, _CHECK = 10, 43, 6  # digits; 62 ** 43 is above 2 ** 256
FORM = re.compile(f"rh_([0-9A-Za-z]{{{_ID}}})_[0-9A-Za-z]{{{_SECRET + _CHECK}}}", re.ASCII)
_MOST_BYTES = 4096  # of a file with a token
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

logger = logging.getLogger(__name__)


class NewToken(NamedTuple):
    """A token that was just made. Attributes: id, no secret; text, the whole, which nobody is told twice."""

    id: str
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.id})"


def make_token() -> NewToken:
    """Return a token that nobody can guess."""
    token_id = _random(_ID)
    text = f"rh_{token_id}_{_random(_SECRET)}"
    return NewToken(token_id, text + _check(text))


def may_be_shown(host: str, *, is_secured: bool) -> bool:
    """Whether a token that is sent there reaches nobody but whom it is for: inside TLS, or on this machine."""
    return is_secured or is_loopback(host)


def id_of(token: str) -> str:
    """Return the id that is part of a token.

    Raises:
        Unauthenticated: it is none, or was mistyped.
    """
    found = FORM.fullmatch(token)
    if found is None or _check(token[:-_CHECK]) != token[-_CHECK:]:
        raise Unauthenticated("this is no token of Roundhouse, or was not copied whole: it is rh_ID_SECRET")
    return found[1]


def digest_of(token: str) -> str:
    """Return what is kept of a token: nobody finds the token by it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_same(token: str, digest: str) -> bool:
    """Whether a token is the one of which this was kept; how long that takes tells nothing."""
    return hmac.compare_digest(digest_of(token), digest)


def find_token(file: str | Path | None, environ: Mapping[str, str]) -> str:
    """Return the token of a file, else of the one that a variable names, else of a variable; empty: nobody gives one.

    Raises:
        BadData: there is no such file, or there is no token in it.
    """
    if file or (file := environ.get(FILE_VARIABLE)):
        return read_token(Path(file))
    return _checked(environ.get(VARIABLE, "").strip(), VARIABLE)


def read_token(path: Path) -> str:
    """Return the token in a file; logs a warning if others than its owner may read it.

    Raises:
        BadData: it cannot be read, or there is no token in it.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise BadData(f"{path}: the token cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & _OTHERS:
        logger.warning("%s: others on this machine may read this token; chmod 600 %s", path, path)
    if not text:
        raise BadData(f"{path}: there is no token in it")
    return _checked(text, str(path))


def write_token(path: Path, token: str) -> None:
    """Write a token to a file that only this user may read; one that is there is replaced.

    Raises:
        BadData: it cannot be written.
    """
    try:
        path.unlink(missing_ok=True)  # one that is there may be open to others
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(token + "\n")
    except OSError as error:
        raise BadData(f"{path}: the token cannot be written: {error.strerror}") from error


def _checked(token: str, where: str) -> str:
    """The same, if it is a token or empty; what is wrong is said without it."""
    try:
        if token:
            id_of(token)
    except Unauthenticated as error:
        raise BadData(f"{where}: {error}") from None
    return token


def _random(n_digits: int) -> str:
    return "".join(choice(_DIGITS) for _ in range(n_digits))


def _check(text: str) -> str:
    number, digits = crc32(text.encode("ascii")), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits += _DIGITS[digit]
    return digits
