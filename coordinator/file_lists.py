"""Runs on the same data share one list of its files, which is most of what a queued run takes."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from rpc.messages import DataFile, RunSpec


def with_shared_files(spec: RunSpec) -> RunSpec:
    """Return the same specification, with the list of files that an earlier one on the same data had."""
    return replace(spec, shards=_shared(spec.shards))


@lru_cache(maxsize=64)
def _shared(files: tuple[DataFile, ...]) -> tuple[DataFile, ...]:
    return files
