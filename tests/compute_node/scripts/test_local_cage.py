"""Whether a sandbox that ended had run its program, which then must not be run again."""

from __future__ import annotations

from time import monotonic

import pytest

from compute_node.scripts.local_cage import LocalCage


@pytest.mark.parametrize(
    ("report", "status", "lived_s", "failed"),
    [
        (b"", 1, 0.1, True),
        (b'{ "child-pid": 7 }\n', 1, 0.1, True),
        (b'{ "child-pid": 7 }\n{ "exit-code": 1 }\n', 1, 0.1, False),
        (b'{ "child-pid": 7 }\n', 0, 0.1, False),  # its report was lost
        (b'{ "child-pid": 7 }\n', 1, 400.0, False),
    ],
)
def test_a_program_that_has_run_is_none_whose_sandbox_failed(
    report: bytes, status: int, lived_s: float, failed: bool
) -> None:
    cage = object.__new__(LocalCage)  # without a user and groups of its own
    cage._sandbox_says, cage._sandbox_report, cage._status = 0, report, status
    cage._is_started, cage._started_at = False, monotonic() - lived_s
    assert cage.failed_to_start() is failed
