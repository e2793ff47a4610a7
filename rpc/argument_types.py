"""Types of command-line arguments that several programs take: a wrong value is named with what it may be."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TypeVar

from rpc.errors import BadRequest
from rpc.selectors import selection

_UNITS = {"": 1, **{unit: 10**power for unit, power in zip("KMGT", (3, 6, 9, 12), strict=True)}}
_UNITS |= {f"{unit}i": 1 << power for unit, power in zip("KMGT", (10, 20, 30, 40), strict=True)}

Number = TypeVar("Number", int, float)


def checked(text: str, kind: Callable[[str], Number], holds: Callable[[Number], bool], wanted: str) -> Number:
    """Return `text` as a number that `holds`.

    Raises:
        argparse.ArgumentTypeError: it is none; says what is `wanted`.
    """
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}")
    return value


def whole(text: str, least: int = 0, most: int | None = None) -> int:
    """Return a whole number; `most` is the largest that may be said."""
    wanted = f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most:,}"
    return checked(text, int, lambda value: least <= value and (most is None or value <= most), wanted)


def port(text: str, least: int = 0) -> int:
    """Return a port; only who serves may say 0, which picks a free one."""
    return checked(text, int, lambda value: least <= value <= 65535, f"a port from {least} to 65535")


def said(text: str) -> str:
    """Return what is not empty: an empty variable of a script must not switch off what it stands for."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty; leave the option out if nothing is meant")
    return text


def pair(text: str) -> tuple[str, str]:
    """Return the two sides of `name=value`."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"must be name=value, not {text!r}")
    return name, value


def variable(text: str) -> tuple[str, str]:
    """Return the two sides of `name=value`, of which the second may be empty."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"must be name=value, not {text!r}")
    return name, value


def terms(text: str) -> list[tuple[str, str]]:
    """Return the terms of `arch=x86_64,gpu>=1`; see rpc.selectors."""
    try:
        return selection(text)
    except BadRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def owner_share(text: str) -> tuple[str, float]:
    """Return an owner of work and what it weighs."""
    owner, weight = pair(text)
    return owner, checked(weight, float, lambda value: 0.001 <= value <= 1000.0, "a weight from 0.001 to 1000")


def share(text: str) -> float:
    return checked(text, float, lambda value: 0.0 <= value <= 1.0, "a number from 0 to 1")


def size(text: str) -> int:
    """Return the bytes of `1GB`, `512MiB`, or of a number alone."""
    number = text.rstrip("BKMGiT")
    factor = _UNITS.get(text[len(number) :].removesuffix("B"))
    wanted = "a size such as 1GB, 512MiB or 0"
    if factor is None:
        raise argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}")
    value: float = checked(text, lambda _: float(number), lambda value: math.isfinite(value) and value >= 0.0, wanted)
    return int(factor * value)


def days(text: str) -> float:
    return checked(text, float, lambda value: 0.0 <= value <= 1e6, "days, from 0 to 1,000,000")


def seconds(text: str) -> float:
    return checked(text, float, lambda value: math.isfinite(value) and value >= 0.0, "seconds, 0 or more")


def cpus(text: str) -> float:
    return checked(text, float, lambda value: 0.0 < value <= 10_000.0, "processors, above 0 and at most 10,000")
