"""What a simulation raises when the dispatcher did what it must not."""

from __future__ import annotations


class Flaw(Exception):
    """A promise that was broken."""
