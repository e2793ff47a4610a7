"""Ways to spell a file that is elsewhere: five hundred of them, the same ones each time."""

from __future__ import annotations

from itertools import product
from random import Random

N_SPELLINGS = 500
_STARTS = ("", "/", "//", "%2f", "\\", "file:///", "C:\\", "./", "static/../", "a/")
_UP = (
    *("..", "%2e%2e", ".%2e", "%252e%252e", "%25252e%25252e", "..%00", "..;", "..%3b", "....", "%2e%2e%2e%2e"),
    *("%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%f0%80%80%ae%f0%80%80%ae"),  # overlong UTF-8
    *("%ef%bc%8e%ef%bc%8e", "%e2%80%a5", "%u002e%u002e", "..%20", "..%0d%0a", "%2e%00%2e"),
)
_BETWEEN = ("/", "%2f", "%252f", "\\", "%5c", "%255c", "//", "/./", "%c0%af", "%e2%88%95", "%ef%bc%8f", ";/", "/%00/")
_FILES = ("etc/passwd", "proc/self/environ", "web/cli.py", "pyproject.toml", "{canary}")
_ENDS = ("", "%00", "%00.css", "%23", ";", "%3f", "/", "/.", "%20", "%0a")
_DEEPEST = 8


def spellings(canary: str) -> list[str]:
    """Paths up, and down again to a file that everybody may read, and to one of ours."""
    rng = Random(1)
    all_ways = list(product(_STARTS, _UP, range(_DEEPEST + 1), _BETWEEN, _FILES, _ENDS))
    # Each way up with each separator at least once; the rest by chance.
    chosen = [
        (rng.choice(_STARTS), up, _DEEPEST, between, rng.choice(_FILES), "") for up, between in product(_UP, _BETWEEN)
    ]
    chosen += rng.sample(all_ways, N_SPELLINGS - len(chosen))
    return [_spelling(*each).replace("{canary}", canary.lstrip("/")) for each in chosen]


def _spelling(start: str, up: str, depth: int, between: str, file: str, end: str) -> str:
    return start + (up + between) * depth + file.replace("/", between) + end
