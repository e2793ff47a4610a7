"""Secrets taken out of texts: those that are known here, and whatever looks like one."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from rpc.tokens import FORM as OF_TOKENS

LEFT_OUT = "[left out]"
_LEAST = 6  # characters of a secret: to take shorter ones out would leave nothing readable
_SAYS_SECRET = re.compile(
    r"token|secret|passw|credential|api_?key|(?:^|_)(?:key|keys|pwd|pass|auth|cookie|dsn)(?:_|$)", re.IGNORECASE
)
_NAME = r"(?<![\w.-])[\w.-]*(?:token|secret|password|passwd|credentials?|cookie|(?:api|access|private)[_-]?key)"
_HEADER = r"(?<![\w-])(?:x-[\w-]*(?:key|token|secret)|(?:set-)?cookie)"
_UNQUOTED = r"""[^\s"',;&\\]+"""
_FORMS = (
    OF_TOKENS,
    re.compile(r"whsec_[A-Za-z0-9+/=_-]+"),  # of webhooks
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    # The end of a key, where a text begins in its middle.
    re.compile(r"\A(?:(?!-----BEGIN ).)*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
    # Who asks for a URL, and by which password, which may hold any of /:@ where nobody
    # has quoted it; without ends to them a text of nothing but :// would take hours.
    re.compile(r"""(?<=://)(?:[^\s/@:"'<>\\]{0,256}:[^\s"'<>\\]{0,256}|[^\s/@:"'<>\\]{1,256})(?=@)"""),
    re.compile(rf"(?<=bearer ){_UNQUOTED}|(?<=basic )[A-Za-z0-9+/=]{{6,}}", re.IGNORECASE),
    # Of other systems: a web token as RFC 7519 has it, and keys that begin with the name of whose they are.
    re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"(?<![\w-])(?:gh[oprsu]_|github_pat_|glpat-|hf_|sk-|xox[abeprs]-|AKIA)[A-Za-z0-9_-]{12,}"),
)
# What is said to be one: the name of it stays.
_SAID = (
    re.compile(rf"({_NAME}=){_UNQUOTED}", re.IGNORECASE),
    re.compile(rf"""({_NAME}=\\*["'])[^"'\\\n]+""", re.IGNORECASE),
    re.compile(rf"""({_NAME}\\*["']\s*:\s*\\*["'])[^"'\\\n]{{{_LEAST},}}""", re.IGNORECASE),
    re.compile(rf"({_HEADER}:\s*)" + r"""[^\s"'\\][^"'\\\n]*""", re.IGNORECASE),
)


def says_secret(name: str) -> bool:
    """Whether what is called so is likely to be one."""
    return _SAYS_SECRET.search(name) is not None


class Redaction:
    """Takes out what is secret.

    Args:
        secrets: texts that must not be told, however they are written.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {form for each in secrets if len(each) >= _LEAST for form in _forms(each)}
        # The longest first: a part of one may be another.
        texts = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, texts))) if texts else None

    def of(self, text: str) -> str:
        """Return the text without any."""
        if self._known is not None:
            text = self._known.sub(LEFT_OUT, text)
        for form in _FORMS:
            text = form.sub(LEFT_OUT, text)
        for said in _SAID:
            text = said.sub(rf"\1{LEFT_OUT}", text)
        return text

    def of_all(self, value: Any) -> Any:
        """Return a document without any, text by text: what is cut out of one never takes a part of the next along."""
        if isinstance(value, str):
            return self.of(value)
        if isinstance(value, Mapping):
            return {self.of(str(name)): self.of_all(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.of_all(each) for each in value]
        return value


def secrets_in(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of variables that are likely to be secrets, and passwords of URLs in others."""
    for name, value in environ.items():
        # A path, as of SSH_AUTH_SOCK or PWD, is none, and without it nobody could tell where anything is.
        if says_secret(name) and not (os.path.isabs(value) and os.path.exists(value)):
            yield value
        yield from passwords_in(value)


def passwords_in(url: str) -> Iterator[str]:
    """The password of a URL, as it stands there and as it is meant, if it has one."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Our own variables, as far as their names do not say that they hold a secret."""
    ours = sorted(name for name in environ if name.startswith("ROUNDHOUSE_"))
    return {name: environ[name] if name.endswith("_FILE") or not says_secret(name) else LEFT_OUT for name in ours}


def _forms(secret: str) -> Iterator[str]:
    """A secret as it stands, in URLs, in JSON, and in base64 wherever it may begin there."""
    yield secret
    yield quote(secret, safe="")
    yield secret.encode("unicode_escape").decode("ascii")
    data = os.fsencode(secret)
    for shift in range(3):
        # Without the digits that depend on what stands before and behind.
        coded = base64.b64encode(b"\0" * shift + data).decode("ascii").rstrip("=")
        inner = coded[(0, 2, 3)[shift] : len(coded) - 1]
        if len(inner) >= _LEAST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")
