"""The table of README: `python -m bench.readme` writes it anew from the results of the last `make bench`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.report import number, table
from bench.results import Results

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"
_OURS = "roundhouse"
_ROWS = (
    ("A: 75 epochs of the letters in one batch, ms", "core/A/1/{}/ms"),
    ("B: an epoch of 16-256-26 in batches of 128, ms", "core/B/1/{}/ms"),
    ("C: an epoch of 784-2048-1000 in batches of 512, ms", "core/C/1/{}/ms"),
    ("D: an epoch of 16-512-512-26 with Adam, ms", "core/D/1/{}/ms"),
    ("a round of 1,058 weights, 2 nodes, ms", "rounds/1k/2/{}/ms"),
    ("a round of 1,058 weights, 8 nodes, ms", "rounds/1k/8/{}/ms"),
    ("a round of 100,001 weights, 8 nodes, ms", "rounds/100k/8/{}/ms"),
    ("a round of 10 million weights, 2 nodes, ms", "rounds/10M/2/{}/ms"),
    ("the letters to 90 %, two nodes, from launch, s", "letters/{}/from-launch-s"),
    ("a script job (in bubblewrap) from its submission to its first line, ms", "jobs/{}/first-line-p50-ms"),
    ("one of many short script jobs, four at a time, ms", "jobs/{}/of-many-ms"),
)
_NAMES = {
    "dask_cluster": "Dask",
    "flower_grpc": "Flower gRPC",
    "flower_superlink": "Flower SuperLink",
    "jax": "JAX",
    "ray_actors": "Ray",
    "ray_jobs": "Ray Jobs",
    "rq": "RQ (no sandbox)",
    "scikit-learn": "scikit-learn",
    "torch": "PyTorch",
    "torch-compiled": "PyTorch compiled",
    "torch_ddp": "PyTorch DDP",
    "torch_gloo": "PyTorch gloo",
}


def section(results: Results) -> str:
    """What README says: the figures, the machine and the command."""
    rows = [row for row in (_row(results, *entry) for entry in _ROWS) if row is not None]
    machine = ", ".join(results.machine[name] for name in ("date", "processor") if name in results.machine)
    return (
        table(("median of the turns; less is better", "Roundhouse", "others"), rows)
        + f"\nMeasured by `make bench PEERS=all` ({machine}).\n"
        + "Every figure with its range, and the goals that are missed: [bench/RESULTS.md](bench/RESULTS.md).\n\n"
        + "![Rounds beside other systems](bench/rounds.svg)\n"
    )


def rewritten(readme: str, results: Results) -> str:
    """README with its section made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + section(results) + END + after


def _row(results: Results, what: str, pattern: str) -> tuple[str, str, str] | None:
    ours = results.median(pattern.format(_OURS))
    if ours is None:
        return None
    others = sorted((time, name) for name, time in _others(results, pattern))
    return what, f"**{number(ours)}**", ", ".join(f"{name} {number(time)}" for time, name in others)


def _others(results: Results, pattern: str) -> Iterator[tuple[str, float]]:
    for key, name in _NAMES.items():
        found = results.median(pattern.format(key))
        if found is not None:
            yield name, found


if __name__ == "__main__":
    file = ROOT / "README.md"
    text = rewritten(file.read_text(encoding="utf-8"), Results.load(ROOT / "bench" / "results.json"))
    file.write_text(text, encoding="utf-8")
