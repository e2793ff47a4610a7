"""Tests of contests, with real processes as contestants."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.contest import Contestant, hold
from bench.contestant import Run, serve
from bench.results import Results


@contextmanager
def odd_contestant(kind: str) -> Iterator[Run]:
    """What the tests below let take part."""
    print("a library says hello")
    if kind == "breaks at once":
        raise ValueError("no such thing")
    count = 0

    def run() -> dict[str, float]:
        nonlocal count
        count += 1
        if kind == "breaks in turn 2" and count == 2:
            raise ValueError("it was the second turn")
        return {"turn": count}

    yield run


def contestant(kind: str, *needs: str) -> Contestant:
    return Contestant(kind, ("tests.bench.test_contest", kind), needs=needs, timeout_s=20.0)


def test_everybody_runs_in_every_turn_and_prints_do_no_harm() -> None:
    results = Results()
    hold([contestant("one"), contestant("two")], 3, results)
    assert results.samples == {"one/turn": [1, 2, 3], "two/turn": [1, 2, 3]}
    assert results.left_out == {}


def test_who_is_not_installed_or_fails_is_named_and_the_others_go_on() -> None:
    results = Results()
    kinds = ("breaks at once", "breaks in turn 2", "good")
    hold([contestant("missing", "no_such_module"), *(contestant(kind) for kind in kinds)], 2, results)
    assert results.samples == {"breaks in turn 2/turn": [1], "good/turn": [1, 2]}
    assert results.left_out == {
        "missing": "not installed: no_such_module",
        "breaks at once": "did not answer: ValueError: no such thing",
        "breaks in turn 2": "did not answer: ValueError: it was the second turn",
    }


if __name__ == "__main__":
    serve(odd_contestant(sys.argv[1]))
