"""Tests of README's table: it is that of the results which are checked in."""

from __future__ import annotations

from bench.readme import ROOT, rewritten
from bench.results import Results

RESULTS = ROOT / "bench" / "results.json"
README = "before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n"


def test_the_section_is_made_anew_and_the_rest_stays() -> None:
    samples = {
        "core/A/1/roundhouse/ms": [11.0],
        "core/A/1/torch/ms": [44.0],
        "core/A/1/jax/ms": [22.0],
        "core/A/1/limit/ms": [8.0],
        "core/B/1/jax/ms": [3.0],
    }
    made = rewritten(README, Results(samples=samples, machine={"date": "2030-01-02", "processor": "P, 2 cores"}))
    assert made.startswith("before\n<!-- bench: begin -->\n|") and made.endswith("\n<!-- bench: end -->\nafter\n")
    assert "| A: 75 epochs of the letters in one batch, ms | **11** | JAX 22, PyTorch 44 |" in made.splitlines()
    assert "B:" not in made and "old" not in made
    assert "(2030-01-02, P, 2 cores)" in made
    assert rewritten(made, Results()) == rewritten(README, Results())


def test_readme_shows_the_results_that_are_checked_in() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert rewritten(text, Results.load(RESULTS)) == text
