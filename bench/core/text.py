"""Text to arrays: the letters, many times over, through the reader that surveys use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np

from bench.contestant import Figures, Run, serve
from mlcore.rows import parse_rows
from mlcore.shards import find_shards

_LETTERS = Path(__file__).resolve().parents[2] / "letters"
_COPIES = 50  # 29 MB


@contextmanager
def contestant() -> Iterator[Run]:
    one = b"".join(path.read_bytes() for path in find_shards(_LETTERS).train)
    text = one * _COPIES
    expected = np.loadtxt(one.decode().splitlines(), delimiter=",", dtype=np.int64)
    first = parse_rows(one, name="letters")
    if not (np.array_equal(first.x, expected[:, :-1]) and np.array_equal(first.y, expected[:, -1])):
        raise ValueError("the reader's numbers are not those of np.loadtxt")

    def run() -> Figures:
        started = perf_counter()
        parse_rows(text, name="letters")
        return {"MB/s": len(text) / 1e6 / (perf_counter() - started)}

    run()
    yield run


if __name__ == "__main__":
    serve(contestant())
