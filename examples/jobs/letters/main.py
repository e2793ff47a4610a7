"""Trains a scikit-learn classifier on the letters in data/letters, and leaves the model in out/."""

import json
from pathlib import Path

import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DATA = Path("data", "letters")
EPOCHS = 20


def read(pattern: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows of all files that match: features, and the label, which stands last."""
    rows = np.concatenate([np.loadtxt(path, delimiter=",") for path in sorted(DATA.glob(pattern))])
    return rows[:, :-1], rows[:, -1].astype(int)


def main() -> None:
    x, y = read("train_*.txt")
    test_x, test_y = read("validate_*.txt")
    scale = StandardScaler().fit(x)
    network = MLPClassifier((128,), random_state=1)
    for epoch in range(1, EPOCHS + 1):
        network.partial_fit(scale.transform(x), y, classes=np.unique(y))
        error = 1.0 - network.score(scale.transform(test_x), test_y)
        print("PROGRESS: " + json.dumps({"epoch": epoch, "loss": network.loss_, "error": error}), flush=True)
    Path("out").mkdir(exist_ok=True)
    joblib.dump(make_pipeline(scale, network), Path("out", "letters.joblib"))
    print(f"{error:.1%} of {len(test_y)} letters are taken for others")


if __name__ == "__main__":
    main()
