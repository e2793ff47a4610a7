"""What is asked of a node that builds the image of a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compute_node.scripts.box import Limits


@dataclass(frozen=True, slots=True)
class Order:
    """A bundle whose image is wanted.

    Attributes:
        bundle: its hash.
        folder: where it is unpacked.
        limits: of the job, which bind the build too.
        network: whether the build has it.
    """

    bundle: str
    folder: Path
    limits: Limits
    network: bool = False
