"""Whose work it is that somebody submits and names no owner for."""

from __future__ import annotations

import getpass
from dataclasses import replace
from typing import TypeVar

from client.link import Link
from rpc.messages import RunSpec, ScriptSpec
from rpc.run_spec import MAX_NAME

Spec = TypeVar("Spec", RunSpec, ScriptSpec)


def owned(spec: Spec, link: Link) -> Spec:
    """Return the same with an owner: the one named, else that of the token, else who is logged in on this machine."""
    return spec if spec.owner else replace(spec, owner=link.owner() or login_name())


def login_name() -> str:
    """Who runs this program; empty where the system has no name for them, as in some containers."""
    try:
        return getpass.getuser()[:MAX_NAME]
    except (KeyError, OSError):
        return ""
