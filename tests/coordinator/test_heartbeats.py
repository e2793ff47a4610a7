"""What nodes tell of their machines can be drawn and written as JSON, whatever they say."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from coordinator.heartbeats import beat_of
from rpc.messages import GpuUse, NodeStatus

sizes = st.integers(-(2**63), 2**63 - 1)


@given(st.floats(), sizes, sizes)
def test_shares_are_of_one_and_sizes_are_not_below_zero(share: float, size: int, other: int) -> None:
    said = NodeStatus(
        cpu=share,
        memory_used_bytes=size,
        memory_total_bytes=other,
        disk_free_bytes=other,
        disk_total_bytes=size,
        gpus=(GpuUse("x", share, size, other),),
    )
    use = beat_of("n", 1, said).use
    assert 0.0 <= use.cpu <= 1.0 and use.gpus[0].busy == use.cpu
    assert use.cpu == share or not 0.0 <= share <= 1.0 or math.isnan(share)
    held = (use.memory_used_bytes, use.memory_total_bytes, use.disk_free_bytes, use.disk_total_bytes)
    assert held == tuple(max(0, each) for each in (size, other, other, size))
    assert (use.gpus[0].memory_used_bytes, use.gpus[0].memory_total_bytes) == held[:2]
