"""The variable by which older systems name their database: it is taken for the option that it has become."""

from __future__ import annotations

import re
from collections.abc import Mapping

VARIABLE = "DATABASE_URL"

_POSTGRES = re.compile(r"postgres(ql)?(\+\w+)?://")  # with whatever driver
_OURS = "postgresql+psycopg://"


def store_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """The `--store` that the environment names, and a remark on it; both empty where it names none."""
    url = environ.get(VARIABLE, "")
    if not url:
        return "", ""
    if found := _POSTGRES.match(url):
        return _OURS + url[found.end() :], f"{VARIABLE} is --store now"
    if url.startswith("sqlite:///"):
        return url, f"{VARIABLE} is --store now"
    return "", f"{VARIABLE} is not used: a store is PostgreSQL or SQLite; --store names one"
