"""What was measured: samples by name, and what could not be measured and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Results:
    """All figures of one sitting.

    Attributes:
        samples: one value a turn, in order, by `contest/contestant/figure`.
        left_out: why a contestant is missing, by its name.
        failed: the names of those that are missing although everything that they need is here.
        machine: what everything ran on.
        file: where `keep` writes; None: nowhere.
    """

    samples: dict[str, list[float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    machine: dict[str, str] = field(default_factory=dict)
    file: Path | None = None

    def add(self, contestant: str, figures: Mapping[str, float]) -> None:
        """Add one turn."""
        for name, value in figures.items():
            self.samples.setdefault(f"{contestant}/{name}", []).append(value)

    def leave_out(self, contestant: str, reason: str) -> None:
        """Say why a contestant has no figures, or fewer than others."""
        self.left_out[contestant] = reason

    def fail(self, contestant: str, reason: str) -> None:
        """The same of one that should have had them."""
        self.leave_out(contestant, reason)
        self.failed.append(contestant)

    def median(self, name: str) -> float | None:
        """The middle of the samples, None if there are none."""
        values = self.samples.get(name)
        return median(values) if values else None

    def best(self, name: str) -> float | None:
        """The least of the samples: what the machine does when nothing disturbs it."""
        return min(self.samples.get(name, ()), default=None)

    def ratio(self, above: str, below: str) -> float | None:
        """The median of the ratios of the turns, each of two neighbours in time."""
        pairs = zip(self.samples.get(above, ()), self.samples.get(below, ()), strict=False)
        ratios = [one / other for one, other in pairs if other]
        return median(ratios) if ratios else None

    def keep(self) -> None:
        """Write what is there so far, so that it is there whatever happens next."""
        if self.file is not None:
            self.save(self.file)

    def save(self, file: Path) -> None:
        """Write everything as JSON."""
        content = asdict(self)
        del content["file"]
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Results:
        """Read what `save` wrote."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))
