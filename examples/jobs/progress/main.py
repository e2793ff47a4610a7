"""Fits a line to noisy points by gradient descent, tells how it goes on, and leaves the line in out/."""

import json
import sys
from pathlib import Path

import numpy as np


def main(n_steps: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1.0, 1.0, 1000)
    y = 3.0 * x - 0.5 + rng.normal(0.0, 0.1, 1000)
    slope = offset = 0.0
    for step in range(1, n_steps + 1):
        residual = slope * x + offset - y
        slope -= 0.5 * float(np.mean(residual * x))
        offset -= 0.5 * float(np.mean(residual))
        print("PROGRESS: " + json.dumps({"step": step, "loss": float(np.mean(residual**2))}), flush=True)
    Path("out").mkdir(exist_ok=True)
    Path("out", "line.json").write_text(json.dumps({"slope": slope, "offset": offset}) + "\n")
    print(f"slope {slope:.2f}, offset {offset:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
