"""The letters shards as the tests of `mlcore` use them."""

from functools import lru_cache
from pathlib import Path

from mlcore.kernels.backend import FloatArray, IntArray
from mlcore.shards import find_shards, parse_rows, prepare

LETTERS = Path(__file__).parents[2] / "letters"
LAYERS = (16, 24, 26)


@lru_cache
def training_shards(dtype: str) -> list[tuple[FloatArray, IntArray]]:
    """Return (x, y) of the ten shards in order."""
    return [_load(path, dtype) for path in find_shards(LETTERS).train]


@lru_cache
def validation(dtype: str) -> tuple[FloatArray, IntArray]:
    """Return (x, y) of the validation rows."""
    return _load(find_shards(LETTERS).validation, dtype)


def _load(path: Path, dtype: str) -> tuple[FloatArray, IntArray]:
    return prepare(parse_rows(path.read_bytes(), name=path.name), dtype=dtype)
