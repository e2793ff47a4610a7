"""The first rule that fits a job decides on it."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from compute_node.scripts.acceptance import Accept, read_rules, verdict
from rpc.messages import DataFile, ScriptSpec

RULES = """\
# my node
never network=full
auto  owner=ann* memory<=8GB   # she asks first
never gpus>=2

ask   timeout=0
"""


def spec(**values: Any) -> ScriptSpec:
    return ScriptSpec("x", DataFile("x.zip", "sha256:0", 1), **values)


@pytest.mark.parametrize(
    ("job", "accept"),
    [
        (spec(owner="ann", network="full"), Accept.NEVER),
        (spec(owner="anna"), Accept.AUTO),
        (spec(owner="anna", memory_bytes=9 * 10**9), Accept.ASK),
        (spec(owner="anna", memory_bytes=9 * 10**9, gpus=2), Accept.NEVER),
        (spec(owner="bob", timeout_s=5.0), Accept.AUTO),
    ],
)
def test_the_first_rule_that_fits_decides_and_else_the_setting(job: ScriptSpec, accept: Accept) -> None:
    assert verdict(job, read_rules(RULES, "rules"), Accept.AUTO) is accept


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("yes owner=ann", "rules:1: must begin with auto, ask, never"),
        ("auto colour=red", "rules:1: 'colour=red' is no condition; there are owner="),
        ("auto owner<=ann", "is no condition"),
        ("auto memory<=lots", "rules:1: 'memory<=lots': must be a size"),
        ("auto gpus<=few", "'gpus<=few'"),
    ],
)
def test_a_line_that_is_no_rule_is_named(line: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=words.replace("(", "[(]")):
        read_rules(line, "rules")
