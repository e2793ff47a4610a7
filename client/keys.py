"""Keys of submissions: they make one work of a call that has to be made twice."""

from __future__ import annotations

from secrets import token_hex

_OF_THE_CALL = "auto-"  # how keys begin that nobody has given


def new_key() -> str:
    """A key for a call that may have to be made again."""
    return _OF_THE_CALL + token_hex(8)


def given(key: str) -> str:
    """The key, if somebody has given it; else nothing."""
    return "" if key.startswith(_OF_THE_CALL) else key
